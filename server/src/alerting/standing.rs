//! How alerting stands: published by the evaluator's thread after each turn, looked at by anybody, at once.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weir_alert::evaluate::Shown;
use weir_alert::states::History;
use weir_sample::{Reading, Timestamp};
use weir_sink::Health;

use crate::clock::{in_words, now};

/// What is known of the evaluator.
pub(crate) struct Standing {
    shown: Mutex<Shown>,
    readings: Mutex<Vec<Reading>>,
    history: Mutex<Option<History>>,
    /// Ends of the last turn, and of the last one that wrote all that it had to, in milliseconds.
    turned_at: AtomicI64,
    /// Until when data are complete, in milliseconds; 0 is not known.
    complete_to: AtomicI64,
    pub(super) left_out_rows: AtomicU64,
    pub(super) unsaid: AtomicU64,
    pub(super) too_large: AtomicU64,
    pub(super) health: Health,
}

/// Time for which a turn may last, or data be incomplete, before it is said: a sender of a window a minute is waited for for three.
const PATIENCE: Duration = Duration::from_secs(300);

impl Standing {
    pub(crate) fn new() -> Self {
        Self {
            shown: Mutex::default(),
            readings: Mutex::default(),
            history: Mutex::default(),
            turned_at: AtomicI64::new(now().millis()),
            complete_to: AtomicI64::new(0),
            left_out_rows: AtomicU64::new(0),
            unsaid: AtomicU64::new(0),
            too_large: AtomicU64::new(0),
            health: Health::new("alerting"),
        }
    }

    /// Groups, rules and alerts as of the last turn.
    pub(crate) fn shown(&self) -> Shown {
        lock(&self.shown).clone()
    }

    /// What happened to alerts; `None` while the state file was never opened.
    pub(crate) fn history(&self) -> Option<History> {
        lock(&self.history).clone()
    }

    pub(crate) fn can_tell(&self, history: History) {
        *lock(&self.history) = Some(history);
    }

    pub(crate) fn publish(&self, shown: Shown, readings: Vec<Reading>) {
        *lock(&self.shown) = shown;
        *lock(&self.readings) = readings;
    }

    /// Shows nothing any more: another process does.
    #[cfg(feature = "kafka")]
    pub(super) fn withdraw(&self) {
        self.publish(Shown::default(), Vec::new());
        *lock(&self.history) = None;
        self.health.works();
    }

    /// A turn is over.
    pub(super) fn turned(&self, complete_to: Option<Timestamp>) {
        self.turned_at.store(now().millis(), Relaxed);
        self.complete_to.store(complete_to.map_or(0, Timestamp::millis), Relaxed);
    }

    /// Why evaluation stands, if it does.
    pub(super) fn trouble(&self) -> Option<String> {
        if let Some(reason) = self.health.reason() {
            return Some(format!("alerting stands, and tries again: {reason}"));
        }
        let (now, at) = (now(), |ms: &AtomicI64| Timestamp(ms.load(Relaxed)));
        let turn = now.since(at(&self.turned_at));
        if turn > PATIENCE {
            return Some(format!("rules are not evaluated: a turn has taken {} so far", in_words(turn)));
        }
        let behind = now.since(at(&self.complete_to));
        match self.complete_to.load(Relaxed) {
            0 => Some("rules wait: until when data are complete is not known yet".into()),
            _ if behind > PATIENCE => {
                Some(format!("rules wait for data, which are complete up to {} ago", in_words(behind)))
            }
            _ => None,
        }
    }

    pub(super) fn readings(&self) -> Vec<Reading> {
        let mut readings = lock(&self.readings).clone();
        let counter = |name, value: &AtomicU64, help| Reading::counter(name, &[], value.load(Relaxed), help);
        let turned_at = self.turned_at.load(Relaxed) as f64 / 1e3;
        readings.extend(self.health.readings());
        readings.extend([
            counter("weir_alert_left_out_rows_total", &self.left_out_rows, LEFT_OUT),
            counter("weir_alert_unsaid_events_total", &self.unsaid, UNSAID),
            counter("weir_alert_too_large_events_total", &self.too_large, TOO_LARGE),
            Reading::gauge("weir_alert_last_turn_timestamp_seconds", &[], turned_at, TURNED),
        ]);
        readings
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const LEFT_OUT: &str = "Samples of rules that were not written, because labels are over the limits of remote write. Give the rule \
    fewer or shorter labels.";
const UNSAID: &str = "Repeats of events about alerts that fire on, left out because their log is half full: the notifier does not read it. \
    See weir_step_failing and the log.";
const TOO_LARGE: &str =
    "Events over a megabyte, handed on without annotations. Make the annotations of that rule shorter.";
const TURNED: &str = "When rules were last looked at. Stands still: the evaluator hangs, or a rule takes that long.";
