//! Filesystems: room, inodes, and whether they can be written.

use std::path::{Path, PathBuf};

use rustix::fs::{StatVfs, statvfs};

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
        let mounts = if root == Path::new("/") { "/proc/self/mountinfo" } else { "/proc/1/mountinfo" };
        Self { root: root.to_owned(), mounts: ProcFile::new(root, mounts), kinds: kinds.clone(), paths: paths.clone() }
    }
}

impl Collector for Filesystem {
    fn collect(&mut self, points: &mut Points<'_>) {
        let mut seen = Vec::new();
        for mount in self.mounts.read().lines().filter_map(Mount::read) {
            // What is mounted twice is one filesystem.
            if !self.kinds.allows(mount.kind) || !self.paths.allows(&mount.path) || seen.contains(&mount.number) {
                continue;
            }
            let Ok(stat) = statvfs(self.root.join(mount.path.trim_start_matches('/'))) else { continue };
            if stat.f_blocks > 0 {
                seen.push(mount.number);
                one(&mount, &stat, points);
            }
        }
    }
}

/// A line of mountinfo (man 5 proc_pid_mountinfo).
struct Mount<'a> {
    number: &'a str,
    path: String,
    kind: &'a str,
    device: &'a str,
    read_only: bool,
}

impl<'a> Mount<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (mount, filesystem) = line.split_once(" - ")?;
        let (mut mount, mut filesystem) = (mount.split(' ').skip(2), filesystem.split(' '));
        let (number, path) = (mount.next()?, unescape(mount.nth(1)?));
        let (kind, device) = (filesystem.next()?, filesystem.next()?);
        // The filesystem's own state: a service sees all mounts read-only if its manager protects them, and so says
        // nothing about the disk that the kernel no longer writes to.
        let read_only = filesystem.next().unwrap_or_default().split(',').any(|option| option == "ro");
        Some(Self { number, path, kind, device, read_only })
    }
}

fn one(mount: &Mount<'_>, stat: &StatVfs, points: &mut Points<'_>) {
    let device = mount.device.trim_start_matches("/dev/");
    let labels = |state| {
        [
            ("system_device", device),
            ("system_filesystem_mountpoint", mount.path.as_str()),
            ("system_filesystem_type", mount.kind),
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
    points.gauge("system_filesystem_read_only", plain, f64::from(u8::from(mount.read_only)));
}

/// The kernel writes blanks, tabs, line feeds and backslashes in paths as three octal digits.
fn unescape(path: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(path.to_owned(), |path, (code, text)| path.replace(code, text))
}
