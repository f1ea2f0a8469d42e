//! How much of its CPU this process uses. A gateway with half a core is full at half a core, long before any of its
//! threads looks busy; an autoscaler must see that.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::{load::Load, quota};

/// What is used, as a part of what may be used, and the latter. Written by one thread and read by anybody.
#[derive(Debug, Default)]
pub struct Cpu {
    /// The part that is used.
    pub load: Load,
    millicores: AtomicU64,
}

impl Cpu {
    /// Cores that this process may use.
    pub fn cores(&self) -> f64 {
        self.millicores.load(Relaxed) as f64 / 1e3
    }
}

/// Measures this process.
#[derive(Debug)]
pub struct CpuMeter {
    /// As configured; zero asks the system.
    cores: f64,
    since: Instant,
    used: Duration,
    ratio: f64,
}

const PERIOD: Duration = Duration::from_secs(1);
/// The newest period's weight in the running figure.
const NEWEST: f64 = 0.5;

impl CpuMeter {
    /// For a process that counts as full at this many cores; zero asks the system how many it may use.
    pub fn new(cores: f64, now: Instant) -> Self {
        Self { cores, since: now, used: used(), ratio: 0.0 }
    }

    /// Looks once a second, however often it is called.
    pub fn look(&mut self, now: Instant, cpu: &Cpu) {
        if now - self.since >= PERIOD {
            // A quota may be changed while a container runs.
            let cores = if self.cores > 0.0 { self.cores } else { quota::cores() };
            self.record(now, used(), cores, cpu);
        }
    }

    fn record(&mut self, now: Instant, used: Duration, cores: f64, cpu: &Cpu) {
        let part = used.saturating_sub(self.used).as_secs_f64() / (now - self.since).as_secs_f64() / cores;
        self.ratio += NEWEST * (part.min(1.0) - self.ratio);
        (self.since, self.used) = (now, used);
        cpu.load.set(self.ratio);
        cpu.millicores.store((cores * 1e3).round() as u64, Relaxed);
    }
}

/// CPU time of all of this process's threads since its start.
fn used() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// CPU time of the calling thread since its start.
pub fn used_by_this_thread() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_to_the_cores_that_there_are() {
        let check = |cores: f64, busy_ms: u64, expected: f64| {
            let (start, cpu) = (Instant::now(), Cpu::default());
            let mut meter = CpuMeter { cores, since: start, used: Duration::ZERO, ratio: 0.0 };
            for second in 1..=20 {
                let used = Duration::from_millis(busy_ms) * second;
                meter.record(start + Duration::from_secs(second.into()), used, cores, &cpu);
            }
            assert_eq!(cpu.cores(), cores);
            assert!((cpu.load.ratio() - expected).abs() < 1e-3, "{cores} {busy_ms}: {}", cpu.load.ratio());
        };
        check(2.0, 500, 0.25);
        check(0.5, 250, 0.5);
        check(0.1, 90, 0.9);
        check(0.1, 500, 1.0);
    }

    #[test]
    fn the_system_tells_what_is_used() {
        let (process, thread) = (used(), used_by_this_thread());
        let mut sum = 0u64;
        while used_by_this_thread() < thread + Duration::from_millis(5) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(used() >= process + Duration::from_millis(5));
    }
}
