//! The bound on this process's memory, and how near it is.
//!
//! Every buffer and cache is bounded by itself. This is for their sum, and for what nobody thought of: near the bound a
//! gateway tells agents to slow down, then turns batches away, bulk first. It does not die of load.

use std::{
    fs,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// The bound, and what is resident.
#[derive(Debug, Default)]
pub struct Memory {
    /// Zero: no bound.
    bound_bytes: u64,
    resident_bytes: AtomicU64,
    next_look: Mutex<Option<Instant>>,
}

const LOOK: Duration = Duration::from_millis(500);
/// Part of the bound from which on memory presses.
const FREE_TO_USE: f64 = 0.8;

impl Memory {
    /// Zero means no bound.
    pub fn new(bound_bytes: u64) -> Self {
        Self { bound_bytes, ..Self::default() }
    }

    /// How many things of this size a quarter of the bound has room for, if that is fewer than `wanted`; at least one.
    pub fn room(&self, wanted: usize, each_bytes: u64) -> usize {
        match self.bound_bytes {
            0 => wanted,
            bound => wanted.min(usize::try_from(bound / 4 / each_bytes).unwrap_or(usize::MAX)).max(1),
        }
    }

    /// Looks at what is resident, twice a second however many threads ask.
    pub fn look(&self, now: Instant) {
        if self.bound_bytes == 0 {
            return;
        }
        let mut next = self.next_look.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_none_or(|next| now >= next) {
            *next = Some(now + LOOK);
            self.set(resident_bytes().unwrap_or(0));
        }
    }

    fn set(&self, resident_bytes: u64) {
        self.resident_bytes.store(resident_bytes, Relaxed);
    }

    /// From 0, where there is room, to 1, at the bound.
    pub fn pressure(&self) -> f64 {
        if self.bound_bytes == 0 {
            return 0.0;
        }
        let used = self.resident_bytes.load(Relaxed) as f64 / self.bound_bytes as f64;
        ((used - FREE_TO_USE) / (1.0 - FREE_TO_USE)).clamp(0.0, 1.0)
    }
}

/// What the kernel counts as resident; `None` where it does not say.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_presses_near_its_bound_only() {
        let memory = Memory::new(1_000);
        let check = |resident, pressure: f64| {
            memory.set(resident);
            assert!((memory.pressure() - pressure).abs() < 1e-9, "{resident}: {}", memory.pressure());
        };
        check(0, 0.0);
        check(800, 0.0);
        check(900, 0.5);
        check(1_000, 1.0);
        check(5_000, 1.0);
        assert_eq!(Memory::default().pressure(), 0.0);
    }

    #[test]
    fn caches_fit_the_bound() {
        let memory = Memory::new(64 << 20);
        assert_eq!((memory.room(200_000, 1_200), memory.room(10, 1_200)), (13_981, 10));
        assert_eq!(memory.room(10_000, 40 << 10), 409);
        assert_eq!((memory.room(10, 1 << 30), memory.room(0, 1)), (1, 1));
        assert_eq!(Memory::new(0).room(200_000, 1_200), 200_000);
    }

    #[test]
    fn the_kernel_tells_what_is_resident() {
        let memory = Memory::new(1);
        memory.look(Instant::now());
        assert!(memory.pressure() >= 1.0);
    }
}
