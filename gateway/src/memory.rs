//! The bound on this process's memory, and how near it is.
//!
//! Every buffer and cache of a gateway is bounded by itself. This is for their sum, and for what nobody thought of: near
//! the bound agents are told to slow down, then batches are turned away, bulk first. A gateway does not die of load.

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
pub(crate) struct Memory {
    /// Zero: no bound.
    bound_bytes: u64,
    resident_bytes: AtomicU64,
    next_look: Mutex<Option<Instant>>,
}

const LOOK: Duration = Duration::from_millis(500);
/// Part of the bound from which on memory presses.
const FREE_TO_USE: f64 = 0.8;
/// Of a derived session key with its place in the cache.
const SESSION_BYTES: u64 = 1_200;
/// Of a TLS connection with its buffers.
const CONNECTION_BYTES: u64 = 40 << 10;

impl Memory {
    pub(crate) fn new(bound_bytes: u64) -> Self {
        Self { bound_bytes, ..Self::default() }
    }

    /// Sessions that may be cached in a quarter of the bound, if that is fewer than `wanted`.
    pub(crate) fn sessions(&self, wanted: usize) -> usize {
        self.share(wanted, SESSION_BYTES)
    }

    /// Connections that a quarter of the bound has room for, if that is fewer than `wanted`.
    pub(crate) fn connections(&self, wanted: usize) -> usize {
        self.share(wanted, CONNECTION_BYTES)
    }

    fn share(&self, wanted: usize, each_bytes: u64) -> usize {
        match self.bound_bytes {
            0 => wanted,
            bound => wanted.min(usize::try_from(bound / 4 / each_bytes).unwrap_or(usize::MAX)).max(1),
        }
    }

    /// Looks at what is resident, twice a second however many threads ask.
    pub(crate) fn look(&self, now: Instant) {
        if self.bound_bytes == 0 {
            return;
        }
        let mut next = self.next_look.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_none_or(|next| now >= next) {
            *next = Some(now + LOOK);
            self.note(resident_bytes().unwrap_or(0));
        }
    }

    fn note(&self, resident_bytes: u64) {
        self.resident_bytes.store(resident_bytes, Relaxed);
    }

    /// From 0, where there is room, to 1, at the bound.
    pub(crate) fn pressure(&self) -> f64 {
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
            memory.note(resident);
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
        assert_eq!((memory.sessions(200_000), memory.sessions(10)), (13_981, 10));
        assert_eq!(memory.connections(10_000), 409);
        assert_eq!(Memory::new(0).sessions(200_000), 200_000);
    }

    #[test]
    fn the_kernel_tells_what_is_resident() {
        let memory = Memory::new(1);
        memory.look(Instant::now());
        assert!(memory.pressure() >= 1.0);
    }
}
