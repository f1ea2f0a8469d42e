//! The account of a run: what was sent, what was acked, how long acks took.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use weir_sample::Sketch;

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
    ack_ms: Mutex<Sketch>,
}

impl Tally {
    pub(crate) fn note_closed(&self, closed: Closed) {
        self.samples_sent.fetch_add(closed.samples, Relaxed);
        self.batches_sent.fetch_add(closed.batches, Relaxed);
        self.counter_sum.fetch_add(closed.counted, Relaxed);
        self.payload_bytes.fetch_add(closed.payload_bytes, Relaxed);
    }

    pub(crate) fn note_acked(&self, samples: u32, took: Option<Duration>, local: &mut Sketch) {
        self.samples_acked.fetch_add(u64::from(samples), Relaxed);
        self.batches_acked.fetch_add(1, Relaxed);
        if let Some(took) = took {
            local.insert(took.as_secs_f64() * 1e3);
        }
    }

    /// Takes a worker's ack times in.
    pub(crate) fn merge_acks(&self, local: &Sketch) {
        self.ack_ms.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(local);
    }

    /// Milliseconds from a batch's first send to its ack that a share `q` of batches did not exceed.
    pub(crate) fn ack_quantile_ms(&self, q: f64) -> f64 {
        self.ack_ms.lock().unwrap_or_else(std::sync::PoisonError::into_inner).quantile(q)
    }
}
