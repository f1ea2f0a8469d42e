//! The account of a run: what was sent, what was acked, how long acks took.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use weir_sample::Histogram;

use super::host::Closed;

/// Shared by all workers of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub samples_sent: AtomicU64,
    pub samples_acked: AtomicU64,
    pub batches_sent: AtomicU64,
    pub batches_acked: AtomicU64,
    pub batches_resent: AtomicU64,
    pub batches_unacked: AtomicU64,
    pub counter_sum: AtomicU64,
    pub payload_bytes: AtomicU64,
    /// Lost on purpose, either way.
    pub datagrams_lost: AtomicU64,
    ack_ms: Mutex<Histogram>,
    /// Since they were last asked for.
    recent_ack_ms: Mutex<Histogram>,
}

/// Ack times that one thread has seen, handed to the tally now and then.
#[derive(Debug)]
pub(crate) struct AckTimes {
    ms: Histogram,
    since: Instant,
}

const HAND_ON: Duration = Duration::from_millis(200);

impl AckTimes {
    pub(crate) fn new() -> Self {
        Self { ms: Histogram::new(), since: Instant::now() }
    }

    fn observe(&mut self, took: Duration) {
        self.ms.insert(took.as_secs_f64() * 1e3);
    }
}

impl Tally {
    pub(crate) fn count_closed(&self, closed: Closed) {
        self.samples_sent.fetch_add(closed.samples, Relaxed);
        self.batches_sent.fetch_add(closed.batches, Relaxed);
        self.counter_sum.fetch_add(closed.counted, Relaxed);
        self.payload_bytes.fetch_add(closed.payload_bytes, Relaxed);
    }

    pub(crate) fn count_acked(&self, samples: u32, took: Option<Duration>, local: &mut AckTimes) {
        self.samples_acked.fetch_add(u64::from(samples), Relaxed);
        self.batches_acked.fetch_add(1, Relaxed);
        if let Some(took) = took {
            local.observe(took);
        }
        if local.since.elapsed() >= HAND_ON {
            self.merge_acks(local);
        }
    }

    /// Adds a worker's ack times.
    pub(crate) fn merge_acks(&self, local: &mut AckTimes) {
        let ms = std::mem::take(&mut local.ms);
        self.ack_ms.lock().unwrap_or_else(PoisonError::into_inner).merge(&ms);
        self.recent_ack_ms.lock().unwrap_or_else(PoisonError::into_inner).merge(&ms);
        local.since = Instant::now();
    }

    /// As [`Tally::ack_quantile_ms`], of the acks since this was last asked.
    pub(crate) fn drain_recent_quantile_ms(&self, q: f64) -> Option<f64> {
        let recent = std::mem::take(&mut *self.recent_ack_ms.lock().unwrap_or_else(PoisonError::into_inner));
        (recent.count() > 0.0).then(|| recent.quantile(q))
    }

    /// Milliseconds from a batch's first send to its ack that a share `q` of batches did not exceed.
    pub(crate) fn ack_quantile_ms(&self, q: f64) -> f64 {
        self.ack_ms.lock().unwrap_or_else(PoisonError::into_inner).quantile(q)
    }
}
