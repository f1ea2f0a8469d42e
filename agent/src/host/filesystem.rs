//! Filesystems: room, inodes, and whether they can be written.

use std::path::{Path, PathBuf};

use rustix::fs::{StatVfs, StatVfsMountFlags, statvfs};

use super::{Collector, Points};
use crate::config::Choice;
use crate::proc::ProcFile;

pub(super) struct Filesystem {
    root: PathBuf,
    mounts: ProcFile,
    kinds: Choice,
    paths: Choice,
}

impl Filesystem {
    pub(super) fn new(root: &Path, kinds: &Choice, paths: &Choice) -> Self {
        // In a container that sees the host's files, the host's mounts are those of its first process.
        let mounts = if root == Path::new("/") { "/proc/self/mounts" } else { "/proc/1/mounts" };
        Self { root: root.to_owned(), mounts: ProcFile::new(root, mounts), kinds: kinds.clone(), paths: paths.clone() }
    }
}

impl Collector for Filesystem {
    fn collect(&mut self, points: &mut Points<'_>) {
        let mut seen = Vec::new();
        for line in self.mounts.read().lines() {
            let mut parts = line.split(' ');
            let (Some(device), Some(path), Some(kind)) = (parts.next(), parts.next(), parts.next()) else { continue };
            let path = unescape(path);
            if !self.kinds.takes(kind) || !self.paths.takes(&path) {
                continue;
            }
            // A device mounted twice is one filesystem; those without a device are told apart by their path.
            let identity = if device.starts_with('/') { device.to_owned() } else { path.clone() };
            if seen.contains(&identity) {
                continue;
            }
            let Ok(stat) = statvfs(self.root.join(path.trim_start_matches('/'))) else { continue };
            if stat.f_blocks > 0 {
                seen.push(identity);
                one(device, &path, kind, &stat, points);
            }
        }
    }
}

fn one(device: &str, path: &str, kind: &str, stat: &StatVfs, points: &mut Points<'_>) {
    let device = device.trim_start_matches("/dev/");
    let labels = |state| {
        [
            ("system_device", device),
            ("system_filesystem_mountpoint", path),
            ("system_filesystem_type", kind),
            ("system_filesystem_state", state),
        ]
    };
    let block = stat.f_frsize as f64;
    let (total, free, available) = (stat.f_blocks as f64, stat.f_bfree as f64, stat.f_bavail as f64);
    for (state, blocks) in [("used", total - free), ("free", available), ("reserved", free - available)] {
        points.gauge("system_filesystem_usage_bytes", &labels(state), blocks * block);
    }
    let plain = &labels("")[..3];
    points.ratio("system_filesystem_utilization_ratio", plain, (total - free) / (total - free + available).max(1.0));
    let (inodes, free_inodes) = (stat.f_files as f64, stat.f_ffree as f64);
    if inodes > 0.0 {
        for (state, count) in [("used", inodes - free_inodes), ("free", free_inodes)] {
            points.gauge("system_filesystem_inodes_count", &labels(state), count);
        }
    }
    let read_only = stat.f_flag.contains(StatVfsMountFlags::RDONLY);
    points.gauge("system_filesystem_read_only", plain, f64::from(u8::from(read_only)));
}

/// The kernel writes blanks, tabs, line feeds and backslashes in paths as three octal digits.
fn unescape(path: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(path.to_owned(), |path, (code, text)| path.replace(code, text))
}
