//! Filesystems and their room, and bytes that went to and from the disks below them.

use std::collections::HashSet;

use sysinfo::{Disk, DiskRefreshKind, Disks, Error};

use super::{Collector, Filesystem, Points, Room};
use crate::config::{Choice, HostMetrics};

pub(super) struct Filesystems {
    disks: Disks,
    kinds: Choice,
    paths: Choice,
}

impl Filesystems {
    pub(super) fn new(settings: &HostMetrics) -> Result<Self, Error> {
        let (kinds, paths) = (settings.filesystem_types.clone(), settings.filesystem_paths.clone());
        Ok(Self { disks: Disks::new()?, kinds, paths })
    }
}

impl Collector for Filesystems {
    fn collect(&mut self, points: &mut Points<'_>) {
        self.disks.refresh_specifics(true, DiskRefreshKind::nothing());
        let mut seen = HashSet::new();
        for disk in self.disks.iter_mut() {
            let (kind, path) = (disk.file_system().to_string_lossy(), disk.mount_point().to_string_lossy());
            let is_wanted = self.kinds.allows(&kind) && self.paths.allows(&path);
            let (kind, path, device) = (kind.into_owned(), path.into_owned(), device(disk));
            // What is mounted twice is one filesystem; a name that is no device's may be that of several.
            if !is_wanted || (disk.name().to_string_lossy().starts_with("/dev/") && !seen.insert(device.clone())) {
                continue;
            }
            let Some(room) = room(disk) else { continue };
            let filesystem =
                Filesystem { device: &device, mountpoint: &path, kind: &kind, read_only: disk.is_read_only() };
            filesystem.tell(&room, points);
        }
    }
}

/// Only what was chosen is asked for its room: a server that is away may never answer.
#[cfg(unix)]
fn room(disk: &mut Disk) -> Option<Room> {
    let stat = rustix::fs::statvfs(disk.mount_point()).ok()?;
    (stat.f_blocks > 0).then(|| Room::of(&stat))
}

/// Windows keeps nothing for its root, and has no inodes.
#[cfg(not(unix))]
fn room(disk: &mut Disk) -> Option<Room> {
    disk.refresh_specifics(DiskRefreshKind::nothing().with_storage());
    let (total, free) = (disk.total_space() as f64, disk.available_space() as f64);
    let none = f64::NAN;
    (total > 0.0).then_some(Room { used: total - free, free, reserved: none, inodes: none, free_inodes: none })
}

/// Bytes read and written, by the disk or partition that is mounted.
pub(super) struct Transfers {
    disks: Disks,
    choice: Choice,
}

impl Transfers {
    pub(super) fn new(settings: &HostMetrics) -> Result<Self, Error> {
        Ok(Self { disks: Disks::new()?, choice: settings.disk_devices.clone() })
    }
}

impl Collector for Transfers {
    fn collect(&mut self, points: &mut Points<'_>) {
        self.disks.refresh_specifics(true, DiskRefreshKind::nothing().with_io_usage());
        let mut seen = HashSet::new();
        for disk in self.disks.iter() {
            let device = device(disk);
            if device.is_empty() || !self.choice.allows(&device) || !seen.insert(device.clone()) {
                continue;
            }
            let usage = disk.usage();
            for (direction, bytes) in [("read", usage.total_read_bytes), ("write", usage.total_written_bytes)] {
                let labels = [("system_device", device.as_str()), ("disk_io_direction", direction)];
                points.counter("system_disk_io_bytes_total", &labels, bytes as f64);
            }
        }
    }
}

fn device(disk: &Disk) -> String {
    disk.name().to_string_lossy().trim_start_matches("/dev/").to_owned()
}
