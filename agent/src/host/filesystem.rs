//! What is told of a filesystem: room, inodes, and whether it can be written.

#[cfg(unix)]
use rustix::fs::StatVfs;

use super::points::Points;

/// Which one it is.
pub(super) struct Filesystem<'a> {
    /// Without `/dev/`.
    pub device: &'a str,
    pub mountpoint: &'a str,
    pub kind: &'a str,
    pub read_only: bool,
}

/// Bytes and inodes; what the system does not tell is no number.
pub(super) struct Room {
    pub used: f64,
    pub free: f64,
    /// For root alone.
    pub reserved: f64,
    pub inodes: f64,
    pub free_inodes: f64,
}

impl Room {
    #[cfg(unix)]
    pub(super) fn of(stat: &StatVfs) -> Self {
        let block = stat.f_frsize as f64;
        let (total, free, available) = (stat.f_blocks as f64, stat.f_bfree as f64, stat.f_bavail as f64);
        Self {
            used: (total - free) * block,
            free: available * block,
            reserved: (free - available) * block,
            inodes: stat.f_files as f64,
            free_inodes: stat.f_ffree as f64,
        }
    }
}

impl Filesystem<'_> {
    pub(super) fn tell(&self, room: &Room, points: &mut Points<'_>) {
        let labels = |state| {
            [
                ("system_device", self.device),
                ("system_filesystem_mountpoint", self.mountpoint),
                ("system_filesystem_type", self.kind),
                ("system_filesystem_state", state),
            ]
        };
        for (state, bytes) in [("used", room.used), ("free", room.free), ("reserved", room.reserved)] {
            points.gauge("system_filesystem_usage_bytes", &labels(state), bytes);
        }
        let plain = &labels("")[..3];
        points.ratio("system_filesystem_utilization_ratio", plain, room.used / (room.used + room.free).max(1.0));
        if room.inodes > 0.0 {
            for (state, count) in [("used", room.inodes - room.free_inodes), ("free", room.free_inodes)] {
                points.gauge("system_filesystem_inodes_count", &labels(state), count);
            }
        }
        points.gauge("system_filesystem_read_only", plain, f64::from(u8::from(self.read_only)));
    }
}
