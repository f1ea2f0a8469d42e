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
    /// By device name, so that each is looked up once; no more than there are devices.
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
        let text = self.stats.read();
        // A name may come back as another device's, and names that come and go are not kept for ever.
        if self.wanted.len() > text.lines().count() {
            self.wanted.clear();
        }
        for line in text.lines() {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::super::Deltas;
    use super::*;
    use crate::origin::Origin;

    #[test]
    fn a_thousand_disks_that_come_and_go_leave_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("proc")).unwrap();
        let all: Choice = Choice::new(&[]);
        let mut disk = Disk::new(root.path(), &all, true);
        let (origin, mut deltas) = (Origin::new("h", &BTreeMap::new()), Deltas::default());
        for round in 1..=5 {
            let line = |at: usize| format!("8 0 disk{} 1 1 1 1 1 1 1 1 0 1 1\n", round * 1_000 + at);
            std::fs::write(root.path().join("proc/diskstats"), (0..1_000).map(line).collect::<String>()).unwrap();
            deltas.begin();
            let mut points = Points { origin: &origin, deltas: &mut deltas, all: Vec::new() };
            disk.collect(&mut points);
            // What is new has no deltas yet; its queue is told at once.
            assert_eq!(points.all.len(), 1_000);
            assert!(disk.wanted.len() <= 2_000, "{} names after {round} rounds", disk.wanted.len());
        }
    }
}
