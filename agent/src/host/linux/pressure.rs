//! Pressure stall information: time that work stood still for want of CPU, memory or IO.

use std::path::Path;

use super::{Collector, Points};
use crate::proc::ProcFile;

pub(super) struct Pressure([(&'static str, ProcFile); 3]);

impl Pressure {
    pub(super) fn new(root: &Path) -> Self {
        let file = |name, path| (name, ProcFile::new(root, path));
        Self([
            file("cpu", "/proc/pressure/cpu"),
            file("memory", "/proc/pressure/memory"),
            file("io", "/proc/pressure/io"),
        ])
    }
}

impl Collector for Pressure {
    fn collect(&mut self, points: &mut Points<'_>) {
        for (resource, file) in &mut self.0 {
            // `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`, in microseconds.
            for line in file.read().lines() {
                let mut words = line.split(' ');
                let (Some(kind), Some(total)) = (words.next(), words.find_map(|word| word.strip_prefix("total=")))
                else {
                    continue;
                };
                let labels = [("system_resource", *resource), ("system_pressure_kind", kind)];
                let micros = total.parse().unwrap_or(f64::NAN);
                points.counter_in("system_pressure_stalled_seconds_total", &labels, micros, 1e-6);
            }
        }
    }
}
