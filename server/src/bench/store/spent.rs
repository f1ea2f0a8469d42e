//! What a stretch of work took: time by the wall clock, time of its thread on a CPU, and disk.

use std::ops::{Add, AddAssign};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub wall: Duration,
    pub cpu: Duration,
}

impl Spent {
    /// Adds what `work` takes.
    pub(super) fn on<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (started, cpu) = (Instant::now(), cpu());
        let outcome = work();
        *self += Self { wall: started.elapsed(), cpu: self::cpu().saturating_sub(cpu) };
        outcome
    }

    /// CPU time per item.
    pub(super) fn cpu_ns(self, items: u64) -> f64 {
        self.cpu.as_nanos() as f64 / items as f64
    }
}

impl Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { wall: self.wall + other.wall, cpu: self.cpu + other.cpu }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// User and system time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Does it five times; the outcome and the milliseconds of the median.
pub(super) fn median_ms<T>(mut work: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let once = |_| {
        let started = Instant::now();
        let outcome = work()?;
        anyhow::Ok((outcome, started.elapsed().as_secs_f64() * 1e3))
    };
    let mut times = (0..5).map(once).collect::<anyhow::Result<Vec<_>>>()?;
    times.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    Ok(times.swap_remove(2))
}

/// How long a program rests after the load until its memory is read.
pub(super) const REST: Duration = Duration::from_secs(2);

/// Bytes of the files in a folder.
pub(super) fn disk_bytes(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { disk_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
