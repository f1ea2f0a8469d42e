//! How telling people stands, and the way to the notifier for whoever asks it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use weir_notify::Handle;
use weir_sample::{Reading, Timestamp};
use weir_sink::Health;

use super::standing::lock;
use crate::clock::now;

/// What is known of the notifier.
pub(crate) struct Told {
    handle: Mutex<Option<Handle>>,
    notifier: Mutex<weir_notify::Health>,
    /// What the notifier last told of itself.
    notifiers: Mutex<Vec<Reading>>,
    faults: Mutex<Vec<String>>,
    reload: AtomicBool,
    unreadable: AtomicU64,
    /// When the notifier last answered, in milliseconds.
    answered_at: AtomicI64,
    pub(super) health: Health,
}

impl Told {
    pub(super) fn new() -> Self {
        Self {
            handle: Mutex::default(),
            notifier: Mutex::default(),
            notifiers: Mutex::default(),
            faults: Mutex::default(),
            reload: AtomicBool::new(false),
            unreadable: AtomicU64::new(0),
            answered_at: AtomicI64::new(0),
            health: Health::new("notifier"),
        }
    }

    /// The way to the notifier; `None` while it has no routes to begin with, and when it is stopping. Whoever has it should
    /// not keep it for longer than a question takes: the notifier ends when nobody has it any more.
    pub(crate) fn notifier(&self) -> Option<Handle> {
        lock(&self.handle).clone()
    }

    pub(super) fn begin(&self, handle: Handle, health: weir_notify::Health) {
        *lock(&self.handle) = Some(handle);
        *lock(&self.notifier) = health;
    }

    pub(super) fn end(&self) {
        *lock(&self.handle) = None;
    }

    pub(super) fn reload(&self) {
        self.reload.store(true, Ordering::Release);
    }

    pub(super) fn takes_reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }

    pub(super) fn note_faults(&self, faults: &[String]) {
        let mut known = lock(&self.faults);
        if known.as_slice() != faults {
            *known = faults.to_vec();
        }
    }

    pub(super) fn note_readings(&self, readings: Vec<Reading>) {
        self.answered_at.store(now().millis(), Ordering::Relaxed);
        *lock(&self.notifiers) = readings;
    }

    pub(super) fn count_unreadable(&self) {
        if self.unreadable.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!("an event of an alert cannot be read; further ones are counted only");
        }
    }

    /// Whether the notifier works and has answered lately.
    pub(super) fn gets_on(&self) -> bool {
        let answered_at = Timestamp(self.answered_at.load(Ordering::Relaxed));
        let fails = lock(&self.notifier).fault().is_some() || self.health.reason().is_some();
        !fails && now().since(answered_at) < LATELY
    }

    /// Why nobody is told, if so; and what is wrong with the files of routes.
    pub(super) fn trouble(&self) -> Option<String> {
        let fault = lock(&self.notifier).fault().or_else(|| self.health.reason());
        if let Some(fault) = fault {
            return Some(format!("nobody is told of alerts, they wait: {fault}"));
        }
        let faults = lock(&self.faults);
        let first = faults.first()?;
        Some(match self.notifier() {
            Some(_) => format!("routes of alerts are older than their file, which has an error: {first}"),
            None => format!("nobody is told of alerts until this is mended: {first}"),
        })
    }

    pub(super) fn readings(&self) -> Vec<Reading> {
        let faults = lock(&self.faults).len() as f64;
        let answered_at = self.answered_at.load(Ordering::Relaxed) as f64 / 1e3;
        let unreadable = self.unreadable.load(Ordering::Relaxed);
        let mut readings = self.health.readings();
        readings.extend([
            Reading::counter("weir_alert_unreadable_events_total", &[], unreadable, UNREADABLE),
            Reading::gauge("weir_alert_route_faults", &[], faults, FAULTS),
            Reading::gauge("weir_alert_notifier_answered_timestamp_seconds", &[], answered_at, ANSWERED),
        ]);
        readings.extend(lock(&self.notifiers).iter().cloned());
        readings
    }
}

/// It is asked every two seconds.
const LATELY: Duration = Duration::from_secs(30);

const UNREADABLE: &str = "Events of alerts that cannot be read: a newer program wrote them, or the log is damaged.";
const FAULTS: &str =
    "Faults in the file of routes and in its templates; the last good ones stay in force. The log names each.";
const ANSWERED: &str = "When the notifier last answered. Stands still: its state file fails or it hangs, see /readyz.";
