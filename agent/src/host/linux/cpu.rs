//! CPU time by mode, load, and what else `/proc/stat` counts.

use std::path::Path;

use super::{Collector, Points};
use crate::proc::{ProcFile, field};

pub(super) struct Cpu {
    stat: ProcFile,
    load: ProcFile,
    uptime: ProcFile,
    cores: bool,
    before: [f64; MODES.len()],
}

/// Kernel ticks per second; fixed at 100 in what `/proc` shows on every Linux in use.
const TICKS: f64 = 100.0;

const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

impl Cpu {
    pub(super) fn new(root: &Path, cores: bool) -> Self {
        let file = |path| ProcFile::new(root, path);
        let (stat, load, uptime) = (file("/proc/stat"), file("/proc/loadavg"), file("/proc/uptime"));
        Self { stat, load, uptime, cores, before: [0.0; MODES.len()] }
    }
}

impl Collector for Cpu {
    fn collect(&mut self, points: &mut Points<'_>) {
        stat(self.stat.read(), self.cores, &mut self.before, points);
        let load = self.load.read();
        for (at, name) in LOADS.into_iter().enumerate() {
            if let Some(value) = field(load, at) {
                points.gauge(name, &[], value);
            }
        }
        let threads = load.split_ascii_whitespace().nth(3).and_then(|text| text.split_once('/')?.1.parse().ok());
        if let Some(threads) = threads {
            points.gauge("system_threads_count", &[], threads);
        }
        if let Some(uptime) = field(self.uptime.read(), 0) {
            points.gauge("system_uptime_seconds", &[], uptime);
        }
    }
}

const LOADS: [&str; 3] = ["system_cpu_load_average_1m", "system_cpu_load_average_5m", "system_cpu_load_average_15m"];

fn stat(text: &str, cores: bool, before: &mut [f64; MODES.len()], points: &mut Points<'_>) {
    let mut count = 0.0;
    for line in text.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let value = || field(line, 1).unwrap_or(f64::NAN);
        match name {
            "cpu" => total(line, before, points),
            "ctxt" => points.counter("system_context_switches_total", &[], value()),
            // The line goes on with a number per interrupt; the first is their sum.
            "intr" => points.counter("system_interrupts_total", &[], value()),
            "processes" => points.counter("system_processes_created_total", &[], value()),
            "btime" => points.gauge("system_boot_time_seconds", &[], value()),
            _ => {}
        }
        let Some(core) = name.strip_prefix("cpu").filter(|core| !core.is_empty()) else { continue };
        count += 1.0;
        if cores {
            time(line, Some(core), points);
        }
    }
    points.gauge("system_cpu_logical_count", &[], count);
}

/// The line without a number is the sum of all cores; its series has no number either.
fn total(line: &str, before: &mut [f64; MODES.len()], points: &mut Points<'_>) {
    let now = time(line, None, points);
    // A mode that steps back has taken no time.
    let mut spent = [0.0; MODES.len()];
    for (slot, (now, before)) in spent.iter_mut().zip(now.iter().zip(&*before)) {
        *slot = (now - before).max(0.0);
    }
    let passed: f64 = spent.iter().sum();
    // After a reload there is nothing to compare with yet.
    if before.iter().any(|ticks| *ticks > 0.0) && passed > 0.0 {
        for (at, mode) in MODES.iter().enumerate() {
            points.ratio("system_cpu_utilization_ratio", &[("cpu_mode", mode)], spent[at] / passed);
        }
    }
    *before = now;
}

fn time(line: &str, core: Option<&str>, points: &mut Points<'_>) -> [f64; MODES.len()] {
    let mut now = [0.0; MODES.len()];
    for (slot, text) in now.iter_mut().zip(line.split_ascii_whitespace().skip(1)) {
        *slot = text.parse().unwrap_or(f64::NAN);
    }
    for (mode, ticks) in MODES.iter().zip(now) {
        let labels = [("cpu_mode", *mode), ("cpu_logical_number", core.unwrap_or_default())];
        points.counter_in("system_cpu_time_seconds_total", &labels, ticks, 1.0 / TICKS);
    }
    now
}
