//! What a log counts about itself.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use weir_sample::{Histogram, Reading};

/// Counters of one log. The commit thread and the appenders write, anybody reads.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) lost_records: AtomicU64,
    pub(crate) cut_bytes: AtomicU64,
    pub(crate) refused: Refused,
    pub(crate) disk_bytes: AtomicU64,
    pub(crate) segments: AtomicU64,
    sync_times: Mutex<Recent>,
}

/// Appends refused, in records.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    pub(crate) failed: AtomicU64,
    pub(crate) busy: AtomicU64,
    pub(crate) full: AtomicU64,
    pub(crate) too_large: AtomicU64,
}

/// Sync times of the running minute and the one before it, so that a quantile speaks of now.
#[derive(Debug, Default)]
struct Recent {
    current: Histogram,
    previous: Histogram,
    since: Option<Instant>,
}

const RECENT: Duration = Duration::from_secs(60);

impl Stats {
    pub(crate) fn count_sync(&self, took: Duration, now: Instant) {
        self.commits.fetch_add(1, Relaxed);
        let mut recent = self.sync_times.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(*recent.since.get_or_insert(now)) > RECENT {
            recent.previous = std::mem::take(&mut recent.current);
            recent.since = Some(now);
        }
        recent.current.insert(took.as_secs_f64());
    }

    fn recent_syncs(&self) -> Histogram {
        let recent = self.sync_times.lock().unwrap_or_else(PoisonError::into_inner);
        let mut syncs = recent.previous.clone();
        syncs.merge(&recent.current);
        syncs
    }

    pub(crate) fn readings(&self, pending_bytes: usize, unsynced: Duration, healthy: bool) -> Vec<Reading> {
        let counter = |name, cell: &AtomicU64, help| Reading::counter(name, &[], cell.load(Relaxed), help);
        let refused = |reason, cell: &AtomicU64| {
            let help = "Records the log would not take; their agents keep them. failed, full: see to the disk and the \
                        sink. busy: the disk is too slow. too_large: a batch over 1 MiB.";
            Reading::counter("weir_queue_refused_records_total", &[("reason", reason)], cell.load(Relaxed), help)
        };
        let syncs = self.recent_syncs();
        let quantile = |label, q| {
            let value = if syncs.count() == 0.0 { 0.0 } else { syncs.quantile(q) };
            let help =
                "Time of one fdatasync over the last one to two minutes. Above 0.1, give the queue a faster disk.";
            Reading::gauge("weir_queue_sync_seconds", &[("quantile", label)], value, help)
        };
        vec![
            counter("weir_queue_records_total", &self.records, "Records made durable."),
            counter("weir_queue_bytes_total", &self.bytes, "Bytes made durable."),
            counter("weir_queue_commits_total", &self.commits, "Group commits."),
            counter("weir_queue_failures_total", &self.failures, FAILURES_HELP),
            counter("weir_queue_unacked_records_total", &self.lost_records, UNACKED_HELP),
            counter("weir_queue_cut_bytes_total", &self.cut_bytes, CUT_HELP),
            refused("failed", &self.refused.failed),
            refused("busy", &self.refused.busy),
            refused("full", &self.refused.full),
            refused("too_large", &self.refused.too_large),
            quantile("0.5", 0.5),
            quantile("0.99", 0.99),
            Reading::gauge(
                "weir_queue_disk_bytes",
                &[],
                self.disk_bytes.load(Relaxed) as f64,
                "Bytes of this log on disk.",
            ),
            Reading::gauge(
                "weir_queue_segments",
                &[],
                self.segments.load(Relaxed) as f64,
                "Segments of this log on disk.",
            ),
            Reading::gauge("weir_queue_pending_bytes", &[], pending_bytes as f64, "Bytes waiting for the next commit."),
            Reading::gauge("weir_queue_oldest_unsynced_seconds", &[], unsynced.as_secs_f64(), UNSYNCED_HELP),
            Reading::gauge("weir_queue_healthy", &[], f64::from(u8::from(healthy)), HEALTHY_HELP),
        ]
    }
}

const FAILURES_HELP: &str = "Times the log stopped because a write or sync failed. Look for a full or broken disk.";
const UNACKED_HELP: &str = "Records dropped unacked when the log failed; their agents send them again.";
const CUT_HELP: &str = "Bytes of torn tail cut after a crash; nothing in them was acked.";
const UNSYNCED_HELP: &str =
    "Age of the oldest record that waits for its fdatasync. Above 2 the gateway is not ready: the disk hangs.";
const HEALTHY_HELP: &str =
    "1 while the log accepts records. At 0, see the log line of the failure; it retries by itself.";
