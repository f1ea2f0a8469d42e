//! The limits of the container that the agent runs in, from its control group (version 2).

use std::path::{Path, PathBuf};

use super::{Collector, Points};
use crate::proc::{ProcFile, field, number};

pub(super) struct Container {
    group: PathBuf,
    cpu: ProcFile,
}

impl Container {
    /// `None` outside a container: the top of the hierarchy has limits only where it is a container's.
    pub(super) fn new(root: &Path) -> Option<Self> {
        let group = root.join("sys/fs/cgroup");
        group.join("memory.max").exists().then(|| Self { cpu: ProcFile::new(&group, "cpu.stat"), group })
    }
}

impl Collector for Container {
    fn collect(&mut self, points: &mut Points<'_>) {
        // A file that says "max" sets no limit.
        for (name, file) in FIGURES {
            if let Some(value) = number(&self.group.join(file)) {
                points.gauge(name, &[], value);
            }
        }
        let limit = std::fs::read_to_string(self.group.join("cpu.max")).unwrap_or_default();
        if let (Some(quota), Some(period)) = (field(&limit, 0), field(&limit, 1)) {
            points.gauge("container_cpu_limit_cores", &[], quota / period.max(1.0));
        }
        for line in self.cpu.read().lines() {
            let Some((name, value)) = line.split_once(' ') else { continue };
            let micros = || value.parse().unwrap_or(f64::NAN);
            match name {
                "user_usec" => points.counter_in(TIME, &[("cpu_mode", "user")], micros(), 1e-6),
                "system_usec" => points.counter_in(TIME, &[("cpu_mode", "system")], micros(), 1e-6),
                "throttled_usec" => points.counter_in("container_cpu_throttled_seconds_total", &[], micros(), 1e-6),
                _ => {}
            }
        }
    }
}

const TIME: &str = "container_cpu_time_seconds_total";
const FIGURES: [(&str, &str); 4] = [
    ("container_memory_usage_bytes", "memory.current"),
    ("container_memory_limit_bytes", "memory.max"),
    ("container_processes_count", "pids.current"),
    ("container_processes_limit", "pids.max"),
];
