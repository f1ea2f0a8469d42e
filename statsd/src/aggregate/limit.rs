//! The limits on series: how many are held, by which metrics, and where those fold that are past a limit.

use std::collections::HashMap;

use weir_sample::Kind;

use super::telemetry::Culprit;
use crate::config::AggregatorConfig;

#[derive(Debug)]
pub(crate) struct Limit {
    max_series: usize,
    max_series_per_metric: usize,
    /// Series held apart, in all and by metric.
    held: usize,
    held_by_metric: HashMap<Box<str>, usize>,
    overflow_series: usize,
    folded: HashMap<Box<str>, Folded>,
}

/// What one metric has folded in this window.
#[derive(Debug)]
struct Folded {
    lines: u64,
    /// The slots that took it, by route.
    slots: [Option<u32>; 8],
}

/// What tells a metric's overflow series apart: the kind, and whether it is this host's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route(usize);

impl Route {
    pub(crate) fn new(kind: Kind, own: bool) -> Self {
        Self(2 * kind as usize + usize::from(own))
    }
}

impl Limit {
    pub(crate) fn new(config: &AggregatorConfig) -> Self {
        Self {
            max_series: config.max_series,
            max_series_per_metric: config.max_series_per_metric,
            held: 0,
            held_by_metric: HashMap::new(),
            overflow_series: 0,
            folded: HashMap::new(),
        }
    }

    /// Admits one more series of `metric` if the limits allow it.
    pub(crate) fn enter(&mut self, metric: &str) -> bool {
        if self.held >= self.max_series {
            return false;
        }
        match self.held_by_metric.get_mut(metric) {
            Some(held) if self.max_series_per_metric != 0 && *held >= self.max_series_per_metric => return false,
            Some(held) => *held += 1,
            None => _ = self.held_by_metric.insert(metric.into(), 1),
        }
        self.held += 1;
        true
    }

    /// Counts one series of `metric` as gone.
    pub(crate) fn leave(&mut self, metric: &str) {
        let Some(held) = self.held_by_metric.get_mut(metric) else { return };
        self.held -= 1;
        *held -= 1;
        if *held == 0 {
            self.held_by_metric.remove(metric);
        }
    }

    /// Whether one more metric may have an overflow series of its own.
    pub(crate) fn has_overflow_room(&self) -> bool {
        self.overflow_series < MAX_FOLDED_METRICS
    }

    pub(crate) fn enter_overflow(&mut self) {
        self.overflow_series += 1;
    }

    pub(crate) fn leave_overflow(&mut self) {
        self.overflow_series -= 1;
    }

    /// Counts a folded line; the slot that took the metric's earlier ones in this window.
    pub(crate) fn fold(&mut self, metric: &str, route: Route) -> Option<u32> {
        let folded = self.folded.get_mut(metric)?;
        folded.lines += 1;
        folded.slots[route.0]
    }

    /// Remembers the slot that took the first folded line of this window.
    pub(crate) fn remember(&mut self, metric: &str, route: Route, slot: u32) {
        if let Some(folded) = self.folded.get_mut(metric) {
            folded.slots[route.0] = Some(slot);
        } else if self.folded.len() < MAX_FOLDED_METRICS {
            let mut slots = [None; 8];
            slots[route.0] = Some(slot);
            self.folded.insert(metric.into(), Folded { lines: 1, slots });
        }
    }

    /// Ends the window: the metrics that folded, the worst first.
    pub(crate) fn culprits(&mut self) -> Vec<Culprit> {
        let name = |(metric, folded): (Box<str>, Folded)| Culprit { metric: metric.into(), lines: folded.lines };
        let mut culprits: Vec<_> = self.folded.drain().map(name).collect();
        culprits.sort_unstable_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.metric.cmp(&b.metric)));
        culprits.truncate(MAX_CULPRITS);
        culprits
    }

    pub(crate) fn max_series(&self) -> usize {
        self.max_series
    }
}

/// The overflow series of metrics past [`MAX_FOLDED_METRICS`].
pub(crate) const fn shared_overflow(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "statsd_overflow_counters",
        Kind::Gauge => "statsd_overflow_gauges",
        Kind::Distribution => "statsd_overflow_distributions",
        Kind::Set => "statsd_overflow_sets",
    }
}

/// Names can explode as labels can: past this, all share one overflow series per kind.
const MAX_FOLDED_METRICS: usize = 1_000;
const MAX_CULPRITS: usize = 10;
