//! What the aggregators of a program say of themselves; shared by those of several threads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use weir_sample::Reading;

use crate::line::Reason;

/// Counters of one or several aggregators. They move once per datagram, not per line.
#[derive(Debug, Default)]
pub struct Telemetry {
    lines: AtomicU64,
    refused: [AtomicU64; Reason::ALL.len()],
    folded: AtomicU64,
    events: AtomicU64,
    checks: AtomicU64,
    shed_events: AtomicU64,
    expired: AtomicU64,
    /// Wraps below zero between two aggregators' changes, and back.
    series: AtomicU64,
    culprits: Mutex<Vec<Culprit>>,
}

/// A metric whose new series fold because a series limit is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// The metric's name.
    pub metric: String,
    /// Its lines folded in the last window.
    pub lines: u64,
}

/// What one aggregator has counted since it last told.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) lines: u64,
    pub(crate) refused: [u64; Reason::ALL.len()],
    pub(crate) folded: u64,
    pub(crate) events: u64,
    pub(crate) checks: u64,
    pub(crate) shed_events: u64,
    pub(crate) expired: u64,
    pub(crate) new_series: u64,
    /// Of an aggregator that is no more.
    pub(crate) gone_series: u64,
    /// Most datagrams hold none, and then ten counters need no look.
    pub(crate) any_refused: bool,
}

impl Counts {
    #[cold]
    pub(crate) fn refuse(&mut self, reason: Reason) {
        self.refused[reason as usize] += 1;
        self.any_refused = true;
    }
}

impl Telemetry {
    /// Adds what one aggregator has counted, and empties it.
    pub(crate) fn absorb(&self, counts: &mut Counts) {
        let add = |total: &AtomicU64, by: u64| {
            if by > 0 {
                total.fetch_add(by, Relaxed);
            }
        };
        add(&self.lines, counts.lines);
        add(&self.folded, counts.folded);
        add(&self.events, counts.events);
        add(&self.checks, counts.checks);
        add(&self.shed_events, counts.shed_events);
        add(&self.expired, counts.expired);
        let change = counts.new_series.wrapping_sub(counts.expired).wrapping_sub(counts.gone_series);
        if change != 0 {
            self.series.fetch_add(change, Relaxed);
        }
        if counts.any_refused {
            self.refused.iter().zip(counts.refused).for_each(|(total, by)| add(total, by));
        }
        *counts = Counts::default();
    }

    pub(crate) fn blame(&self, culprits: Vec<Culprit>) {
        *self.culprits.lock().unwrap_or_else(PoisonError::into_inner) = culprits;
    }

    /// The metrics that folded in the last window, the worst first, at most ten.
    pub fn culprits(&self) -> Vec<Culprit> {
        self.culprits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lines dropped for `reason`.
    pub fn refused(&self, reason: Reason) -> u64 {
        self.refused[reason as usize].load(Relaxed)
    }

    /// Metric lines taken in.
    pub fn lines(&self) -> u64 {
        self.lines.load(Relaxed)
    }

    /// Lines whose series was folded.
    pub fn folded(&self) -> u64 {
        self.folded.load(Relaxed)
    }

    /// The figures for the operator.
    pub fn readings(&self) -> Vec<Reading> {
        let mut readings = vec![
            Reading::counter("weir_statsd_lines_total", &[], self.lines(), "Metric lines taken in."),
            Reading::counter("weir_statsd_events_total", &[], self.events.load(Relaxed), "Events taken in."),
            Reading::counter(
                "weir_statsd_service_checks_total",
                &[],
                self.checks.load(Relaxed),
                "Service checks taken in.",
            ),
            Reading::counter(
                "weir_statsd_shed_events_total",
                &[("reason", "limit")],
                self.shed_events.load(Relaxed),
                SHED_HELP,
            ),
            Reading::counter(
                "weir_statsd_folded_lines_total",
                &[("reason", "series_limit")],
                self.folded(),
                FOLDED_HELP,
            ),
            Reading::counter(
                "weir_statsd_expired_series_total",
                &[],
                self.expired.load(Relaxed),
                "Series that left memory after being idle.",
            ),
            Reading::gauge(
                "weir_statsd_series",
                &[],
                self.series.load(Relaxed) as i64 as f64,
                "Series held in memory.",
            ),
        ];
        readings.extend(Reason::ALL.map(|reason| {
            let labels = [("reason", reason.name())];
            Reading::counter("weir_statsd_refused_lines_total", &labels, self.refused(reason), REFUSED_HELP)
        }));
        readings.extend(self.culprits().into_iter().map(|culprit| {
            let labels = [("metric", culprit.metric.as_str())];
            Reading::gauge("weir_statsd_culprit_lines", &labels, culprit.lines as f64, CULPRIT_HELP)
        }));
        readings
    }
}

const REFUSED_HELP: &str = "Lines dropped (loss): the reason and the log's sampled lines tell which client to mend; \
    type_conflict means one name is sent as two types, too_long that a tag holds a text.";
const FOLDED_HELP: &str = "Lines counted under __overflow__ because a series limit was reached: drop the tag that \
    explodes, or raise max_series or max_series_per_metric.";
const SHED_HELP: &str = "Events and service checks counted but not kept (loss of their text): raise max_events if \
    clients mean to send as many.";
const CULPRIT_HELP: &str = "Lines of this metric folded into __overflow__ in the last window: look at its tags.";
