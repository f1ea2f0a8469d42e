//! How a backend does, for whoever asks.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use weir_sample::{Reading, Timestamp};

/// Counts and the last trouble of one backend.
#[derive(Debug, Default)]
pub(crate) struct Status {
    pub sent_samples: AtomicU64,
    pub sent_bytes: AtomicU64,
    pub requests: AtomicU64,
    pub retries: AtomicU64,
    pub refused_samples: AtomicU64,
    pub late_groups: AtomicU64,
    pub skipped_seconds: AtomicU64,
    /// All up to then was taken, in milliseconds.
    pub passed: AtomicI64,
    /// Up to then all could be.
    pub complete: AtomicI64,
    trouble: Mutex<Option<String>>,
}

/// So far behind, a backend is trouble though it takes what it gets.
const BEHIND: Duration = Duration::from_secs(300);

impl Status {
    pub(crate) fn fails(&self, reason: &str) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.as_deref() != Some(reason) {
            *trouble = Some(reason.to_owned());
        }
    }

    pub(crate) fn works(&self) {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(crate) fn behind(&self) -> Duration {
        let (passed, complete) = (self.passed.load(Relaxed), self.complete.load(Relaxed));
        Timestamp(complete).since(Timestamp(passed))
    }

    pub(crate) fn trouble(&self, name: &str) -> Option<String> {
        let reason = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match reason {
            Some(reason) => Some(format!("backend {name:?} takes nothing, what is stored waits for it: {reason}")),
            None if self.behind() >= BEHIND => {
                Some(format!("backend {name:?} is {} s behind and catches up", self.behind().as_secs()))
            }
            None => None,
        }
    }

    pub(crate) fn readings(&self, name: &str) -> Vec<Reading> {
        let labels = [("backend", name)];
        let counter = |metric, value: &AtomicU64, help| Reading::counter(metric, &labels, value.load(Relaxed), help);
        let fails = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let passed = self.passed.load(Relaxed) as f64 / 1e3;
        vec![
            counter("weir_backend_sent_samples_total", &self.sent_samples, "Samples that the backend has taken."),
            counter("weir_backend_sent_bytes_total", &self.sent_bytes, "Bytes of the requests that it has taken."),
            counter("weir_backend_requests_total", &self.requests, "Requests sent, repeated ones among them."),
            counter("weir_backend_retries_total", &self.retries, RETRIES),
            counter("weir_backend_refused_samples_total", &self.refused_samples, REFUSED),
            counter("weir_backend_late_groups_total", &self.late_groups, LATE),
            counter("weir_backend_skipped_seconds_total", &self.skipped_seconds, SKIPPED),
            Reading::gauge("weir_backend_failing", &labels, f64::from(u8::from(fails)), FAILING),
            Reading::gauge("weir_backend_behind_seconds", &labels, self.behind().as_secs_f64(), BEHIND_HELP),
            Reading::gauge("weir_backend_passed_timestamp_seconds", &labels, passed, PASSED),
        ]
    }
}

const RETRIES: &str =
    "Requests that were sent again after 429, 5xx, a wrong password or no answer. Nothing is lost by it.";
const REFUSED: &str =
    "Samples that the backend will never take, set aside in refused.jsonl of its folder: it says why.";
const LATE: &str = "Groups of series that were read again because something came late to them.";
const SKIPPED: &str =
    "Seconds that were skipped because the backend was further behind than its backlog allows: it does not have them.";
const FAILING: &str = "1 while the backend takes nothing: /readyz says why. What is stored waits for it.";
const BEHIND_HELP: &str = "Time between what could be sent and what the backend has taken. Grows: it is slow or away.";
const PASSED: &str = "Up to then the backend has everything.";
