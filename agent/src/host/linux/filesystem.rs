//! Filesystems: room, inodes, and whether they can be written.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use std::time::{Duration, Instant};

use rustix::fs::{StatVfs, statvfs};

use super::{Collector, Filesystem, Points, Room};
use crate::aside::Aside;
use crate::config::Choice;
use crate::proc::ProcFile;

pub(super) struct Filesystems {
    root: PathBuf,
    mounts: ProcFile,
    aside: Aside<rustix::io::Result<StatVfs>>,
    kinds: Choice,
    paths: Choice,
}

impl Filesystems {
    pub(super) fn new(root: &Path, kinds: &Choice, paths: &Choice) -> Self {
        // In a container that sees the host's files, the host's mounts are those of its first process.
        let mounts = if root == Path::new("/") { "/proc/self/mountinfo" } else { "/proc/1/mountinfo" };
        Self {
            root: root.to_owned(),
            mounts: ProcFile::new(root, mounts),
            aside: Aside::new(),
            kinds: kinds.clone(),
            paths: paths.clone(),
        }
    }
}

impl Collector for Filesystems {
    fn collect(&mut self, points: &mut Points<'_>) {
        let (mut seen, began) = (Vec::new(), Instant::now());
        // What comes late is as good as what is asked now.
        self.aside.returned();
        for mount in self.mounts.read_bytes().split(|byte| *byte == b'\n').filter_map(Mount::read) {
            // What is mounted twice is one filesystem.
            if !self.kinds.allows(&mount.kind) || !self.paths.allows(&mount.path) || seen.contains(&mount.number) {
                continue;
            }
            let place = Path::new(OsStr::from_bytes(&mount.place));
            let place = self.root.join(place.strip_prefix("/").unwrap_or(place));
            let left = LIMIT.min(LIMIT_OF_ALL.saturating_sub(began.elapsed()));
            if left.is_zero() || self.aside.hangs(&mount.path) {
                continue;
            }
            let Some(Ok(stat)) = self.aside.call(&mount.path, left, move || statvfs(place)) else { continue };
            if stat.f_blocks > 0 {
                let filesystem = mount.filesystem();
                filesystem.tell(&Room::of(&stat), points);
                seen.push(mount.number);
            }
        }
    }

    fn hung(&self) -> Vec<String> {
        self.aside.hung().map(|path| format!("filesystem {path}")).collect()
    }
}

/// What one mount may take, and all of them in one window: those that are left are asked in the next.
const LIMIT: Duration = Duration::from_millis(500);
const LIMIT_OF_ALL: Duration = Duration::from_secs(2);

/// A line of mountinfo (man 5 proc_pid_mountinfo).
struct Mount {
    number: String,
    place: Vec<u8>,
    /// The place as text, mended where it is none.
    path: String,
    kind: String,
    device: String,
    read_only: bool,
}

impl Mount {
    fn read(line: &[u8]) -> Option<Self> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let middle = line.windows(3).position(|bytes| bytes == b" - ")?;
        let words = |bytes: &[u8]| bytes.split(|byte| *byte == b' ').map(unescape).collect::<Vec<_>>();
        let (mount, filesystem) = (words(&line[..middle]), words(&line[middle + 3..]));
        let (number, place) = (text(mount.get(2)?), mount.get(4)?.clone());
        let (kind, device) = (text(filesystem.first()?), text(filesystem.get(1)?));
        // The filesystem's own state: a service sees all mounts read-only if its manager protects them, and so says
        // nothing about the disk that the kernel no longer writes to.
        let read_only = filesystem.get(2)?.split(|byte| *byte == b',').any(|option| option == b"ro");
        Some(Self { number, path: text(&place), place, kind, device, read_only })
    }

    fn filesystem(&self) -> Filesystem<'_> {
        let Self { path, kind, read_only, .. } = self;
        Filesystem { device: self.device.trim_start_matches("/dev/"), mountpoint: path, kind, read_only: *read_only }
    }
}

/// The kernel writes blanks, tabs, line feeds, backslashes and some more as three octal digits.
fn unescape(word: &[u8]) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::with_capacity(word.len()), word);
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                plain.push(byte);
                rest = &after[3..];
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    plain
}
