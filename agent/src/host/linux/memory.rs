//! Memory and swap by kind, paging, and processes killed for want of memory.

use std::path::Path;

use super::{Collector, Points};
use crate::proc::{ProcFile, field};

pub(super) struct Memory {
    info: ProcFile,
    paging: ProcFile,
}

impl Memory {
    pub(super) fn new(root: &Path) -> Self {
        Self { info: ProcFile::new(root, "/proc/meminfo"), paging: ProcFile::new(root, "/proc/vmstat") }
    }
}

impl Collector for Memory {
    fn collect(&mut self, points: &mut Points<'_>) {
        let info = self.info.read();
        if !info.is_empty() {
            memory(info, points);
        }
        paging(self.paging.read(), points);
    }
}

fn memory(text: &str, points: &mut Points<'_>) {
    let bytes = |name: &str| {
        let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')));
        line.and_then(|line| field(line, 1)).unwrap_or(0.0) * 1_024.0
    };
    let (total, free, cached, buffers) = (bytes("MemTotal"), bytes("MemFree"), bytes("Cached"), bytes("Buffers"));
    let slab = bytes("SReclaimable");
    let used = (total - free - cached - buffers - slab).max(0.0);
    let states = [("used", used), ("free", free), ("cached", cached), ("buffers", buffers), ("slab_reclaimable", slab)];
    for (state, value) in states {
        points.gauge("system_memory_usage_bytes", &[("system_memory_state", state)], value);
    }
    points.gauge("system_memory_limit_bytes", &[], total);
    if total > 0.0 {
        points.ratio("system_memory_utilization_ratio", &[], used / total);
    }
    for (name, line) in LINUX {
        points.gauge(name, &[], bytes(line));
    }
    let (swap, swap_free) = (bytes("SwapTotal"), bytes("SwapFree"));
    for (state, value) in [("used", swap - swap_free), ("free", swap_free)] {
        points.gauge("system_paging_usage_bytes", &[("system_paging_state", state)], value);
    }
}

const LINUX: [(&str, &str); 7] = [
    ("system_linux_memory_available_bytes", "MemAvailable"),
    ("system_linux_memory_shared_bytes", "Shmem"),
    ("system_linux_memory_slab_unreclaimable_bytes", "SUnreclaim"),
    ("system_linux_memory_dirty_bytes", "Dirty"),
    ("system_linux_memory_writeback_bytes", "Writeback"),
    ("system_linux_memory_committed_bytes", "Committed_AS"),
    ("system_linux_memory_commit_limit_bytes", "CommitLimit"),
];

fn paging(text: &str, points: &mut Points<'_>) {
    let (mut faults, mut major) = (None, 0.0);
    for line in text.lines() {
        let Some((name, value)) = line.split_once(' ') else { continue };
        let value = || value.parse().unwrap_or(f64::NAN);
        match name {
            "pswpin" => points.counter(OPERATIONS, &[("system_paging_direction", "in")], value()),
            "pswpout" => points.counter(OPERATIONS, &[("system_paging_direction", "out")], value()),
            "pgfault" => faults = Some(value()),
            "pgmajfault" => major = value(),
            "oom_kill" => points.counter("system_linux_oom_kills_total", &[], value()),
            _ => {}
        }
    }
    if let Some(faults) = faults {
        for (kind, value) in [("minor", faults - major), ("major", major)] {
            points.counter("system_paging_faults_total", &[("system_paging_fault_type", kind)], value);
        }
    }
}

const OPERATIONS: &str = "system_paging_operations_total";
