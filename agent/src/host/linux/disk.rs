//! Disks: bytes, operations, time and queue.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{Collector, Points};
use crate::config::Choice;
use crate::proc::{ProcFile, field};

pub(super) struct Disk {
    stats: ProcFile,
    classes: PathBuf,
    choice: Choice,
    partitions: bool,
    /// By device name, so that each is looked up once.
    wanted: HashMap<String, bool>,
}

const SECTOR_BYTES: f64 = 512.0;
const MILLISECOND: f64 = 1e-3;

impl Disk {
    pub(super) fn new(root: &Path, choice: &Choice, partitions: bool) -> Self {
        let (stats, classes) = (ProcFile::new(root, "/proc/diskstats"), root.join("sys/class/block"));
        Self { stats, classes, choice: choice.clone(), partitions, wanted: HashMap::new() }
    }
}

impl Collector for Disk {
    fn collect(&mut self, points: &mut Points<'_>) {
        for line in self.stats.read().lines() {
            let device = line.split_ascii_whitespace().nth(2).unwrap_or_default();
            let wanted = match self.wanted.get(device) {
                Some(wanted) => *wanted,
                None => {
                    let partition = self.classes.join(device).join("partition").exists();
                    let wanted = self.choice.allows(device) && (self.partitions || !partition);
                    self.wanted.insert(device.to_owned(), wanted);
                    wanted
                }
            };
            if wanted && !device.is_empty() {
                one(device, line, points);
            }
        }
    }
}

fn one(device: &str, line: &str, points: &mut Points<'_>) {
    // Fields as in the kernel's Documentation/admin-guide/iostats.rst, after major, minor and name.
    let mut values = [f64::NAN; 12];
    for (slot, text) in values[1..].iter_mut().zip(line.split_ascii_whitespace().skip(3)) {
        *slot = text.parse().unwrap_or(f64::NAN);
    }
    for (direction, operations) in [("read", 1), ("write", 5)] {
        let labels = [("system_device", device), ("disk_io_direction", direction)];
        points.counter("system_disk_operations_total", &labels, values[operations]);
        points.counter("system_disk_merged_total", &labels, values[operations + 1]);
        points.counter_in("system_disk_io_bytes_total", &labels, values[operations + 2], SECTOR_BYTES);
        points.counter_in("system_disk_operation_time_seconds_total", &labels, values[operations + 3], MILLISECOND);
    }
    let labels = [("system_device", device)];
    points.gauge("system_disk_pending_operations", &labels, values[9]);
    points.counter_in("system_disk_io_time_seconds_total", &labels, values[10], MILLISECOND);
    let weighted = field(line, 13).unwrap_or(f64::NAN);
    points.counter_in("system_disk_weighted_io_time_seconds_total", &labels, weighted, MILLISECOND);
}
