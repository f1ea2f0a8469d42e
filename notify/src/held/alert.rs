//! One alert.

use std::time::Duration;

use weir_alert::event::{Event, Status};
use weir_sample::Timestamp;

use super::packed::Packed;

/// Tenant and fingerprint.
pub(crate) type Key = (u32, u64);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) tenant: u32,
    pub(crate) labels: Packed,
    annotations: Packed,
    status: Status,
    pub(crate) starts_at_ms: i64,
    pub(crate) ends_at_ms: i64,
    pub(crate) evaluated_at_ms: i64,
    value: Option<f64>,
    active_at_ms: i64,
    late: bool,
    url: Box<str>,
    seq: u64,
    pub(crate) source: Box<str>,
}

impl Held {
    pub(crate) fn of(event: &Event) -> Self {
        Self {
            tenant: event.tenant,
            labels: Packed::of(&event.labels),
            annotations: Packed::of(&event.annotations),
            status: event.status,
            starts_at_ms: event.starts_at_ms,
            ends_at_ms: event.ends_at_ms,
            evaluated_at_ms: event.evaluated_at_ms,
            value: event.value,
            active_at_ms: event.active_at_ms,
            late: event.late,
            url: event.generator_url.as_str().into(),
            seq: event.seq,
            source: event.source.as_str().into(),
        }
    }

    /// Back to what came, with its status as of now.
    pub(crate) fn event(&self, firing: bool) -> Event {
        Event {
            tenant: self.tenant,
            labels: self.labels.pairs(),
            annotations: self.annotations.pairs(),
            status: if firing { Status::Firing } else { Status::Resolved },
            starts_at_ms: self.starts_at_ms,
            ends_at_ms: self.ends_at_ms,
            evaluated_at_ms: self.evaluated_at_ms,
            value: self.value,
            active_at_ms: self.active_at_ms,
            late: self.late,
            generator_url: self.url.to_string(),
            seq: self.seq,
            source: self.source.to_string(),
        }
    }

    /// The notifier's clock decides about alerts that others sent. For those of rule groups it does not: while the evaluator or the queue
    /// stands still, they go on firing, and `evaluated` (how far their group has come) decides.
    pub(crate) fn fires(&self, now: Timestamp, evaluated: Option<i64>) -> bool {
        let until = if is_rule_group(&self.source) { evaluated.unwrap_or(i64::MIN) } else { now.millis() };
        self.status == Status::Firing && self.ends_at_ms > until
    }

    /// Whether `event` says more than that nothing has changed.
    pub(crate) fn differs(&self, event: &Event) -> bool {
        self.status != event.status
            || self.starts_at_ms != event.starts_at_ms
            || self.annotations != Packed::of(&event.annotations)
            || *self.source != *event.source
    }

    /// Whether `event` was made before what is held.
    pub(crate) fn is_newer_than(&self, event: &Event, now: Timestamp) -> bool {
        *self.source == *event.source && is_later(self.evaluated_at_ms, event.evaluated_at_ms, now)
    }
}

/// Whether an evaluation is later than another. One that is far ahead of now was made before the clock was set back.
pub(crate) fn is_later(evaluated_ms: i64, other_ms: i64, now: Timestamp) -> bool {
    evaluated_ms > other_ms && Timestamp(evaluated_ms).since(now) < AHEAD
}

/// Nobody evaluates so far ahead of the time.
const AHEAD: Duration = Duration::from_secs(60);

/// Rule groups are named `file;group`.
pub(crate) fn is_rule_group(source: &str) -> bool {
    source.contains(';')
}
