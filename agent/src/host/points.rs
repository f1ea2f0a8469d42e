//! What collectors hand over: gauges as they are, counters as what the window added.

use weir_sample::{Series, Value};

use super::deltas::Deltas;
use crate::origin::Origin;

/// One window's points of the host.
pub(crate) struct Points<'a> {
    pub(super) origin: &'a Origin,
    pub(super) deltas: &'a mut Deltas,
    pub(super) all: Vec<(Series, Value)>,
}

impl Points<'_> {
    /// What is no number was not there to be read, and is left out; so it is with counters.
    pub(crate) fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        if !value.is_finite() {
            return;
        }
        let series = self.origin.series(name, labels.iter().copied());
        self.all.push((series, Value::Gauge(value)));
    }

    /// `total` is cumulative, as the kernel counts.
    pub(crate) fn counter(&mut self, name: &str, labels: &[(&str, &str)], total: f64) {
        self.counter_in(name, labels, total, 1.0);
    }

    /// `total` is cumulative and the kernel's own number; one of it is `unit` of the metric's.
    pub(crate) fn counter_in(&mut self, name: &str, labels: &[(&str, &str)], total: f64, unit: f64) {
        if !total.is_finite() {
            return;
        }
        let series = self.origin.series(name, labels.iter().copied());
        if let Some(delta) = self.deltas.delta(&series, total, unit) {
            self.all.push((series, delta));
        }
    }

    /// A share of one, with four places: finer than any chart, and two bytes on the wire.
    pub(crate) fn ratio(&mut self, name: &str, labels: &[(&str, &str)], share: f64) {
        self.gauge(name, labels, (share.clamp(0.0, 1.0) * 1e4).round() / 1e4);
    }
}
