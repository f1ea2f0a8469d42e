//! Idle CPU time, cores, load and the time since the boot.

use sysinfo::{Error, System};

use super::{Collector, Points};

pub(super) struct Cpu {
    system: System,
    /// Before the second look there is nothing to compare with.
    has_looked: bool,
}

impl Cpu {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self { system: System::new()?, has_looked: false })
    }
}

impl Collector for Cpu {
    fn collect(&mut self, points: &mut Points<'_>) {
        self.system.refresh_cpu_usage();
        points.gauge("system_cpu_logical_count", &[], self.system.cpus().len() as f64);
        if std::mem::replace(&mut self.has_looked, true) {
            // Of all modes sysinfo knows one: the time in which nothing was done, or, on Linux, IO was waited for.
            let idle = 1.0 - f64::from(self.system.global_cpu_usage()) / 100.0;
            points.ratio("system_cpu_utilization_ratio", &[("cpu_mode", "idle")], idle);
        }
        if let Ok(load) = System::load_average() {
            points.gauge("system_cpu_load_average_1m", &[], load.one);
            points.gauge("system_cpu_load_average_5m", &[], load.five);
            points.gauge("system_cpu_load_average_15m", &[], load.fifteen);
        }
        let seconds = |seconds: Result<u64, Error>| seconds.map_or(f64::NAN, |seconds| seconds as f64);
        points.gauge("system_uptime_seconds", &[], seconds(System::uptime()));
        points.gauge("system_boot_time_seconds", &[], seconds(System::boot_time()));
    }
}
