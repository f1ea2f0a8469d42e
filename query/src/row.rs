//! One series of an evaluation, with a value or nothing at each step, and the steps themselves.

use weir_sample::Histogram;

use crate::labels::LabelSet;

/// The instants at which an expression is evaluated, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) start: i64,
    /// Distance between instants; zero where every step looks at the same instant (`@`).
    pub(crate) step: i64,
    pub(crate) count: usize,
}

impl Steps {
    /// A single instant.
    pub(crate) fn instant(at: i64) -> Self {
        Self { start: at, step: 0, count: 1 }
    }

    /// `start`, `start + step` … up to `end`; `step` must be above zero.
    pub(crate) fn spanning(start: i64, end: i64, step: i64) -> Self {
        let count = if end < start { 0 } else { (end.saturating_sub(start) / step) as usize + 1 };
        Self { start, step, count }
    }

    /// The instant of one step.
    pub(crate) fn at(&self, step: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(step as i64))
    }

    /// The last instant.
    pub(crate) fn end(&self) -> i64 {
        self.at(self.count.saturating_sub(1))
    }

    /// The instants in order.
    pub(crate) fn instants(&self) -> impl Iterator<Item = i64> + use<> {
        let steps = *self;
        (0..steps.count).map(move |step| steps.at(step))
    }
}

/// Stands for "no value at this step".
pub(crate) const ABSENT: f64 = weir_sample::STALE;

/// Whether a step has no value, or a sample marks its series as stale.
#[inline(always)]
pub(crate) fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT.to_bits()
}

/// Whether a step has a value; NaN is one.
#[inline(always)]
pub(crate) fn is_present(value: f64) -> bool {
    !is_absent(value)
}

/// One series of an intermediate result.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) labels: LabelSet,
    /// Its metric name goes at the end of the query.
    pub(crate) drops_name: bool,
    /// A float or [`ABSENT`] per step; empty if no step has a float.
    pub(crate) floats: Vec<f64>,
    /// A histogram or none per step; empty if no step has a histogram.
    pub(crate) histograms: Vec<Option<Box<Histogram>>>,
}

impl Row {
    pub(crate) fn of_floats(labels: LabelSet, floats: Vec<f64>) -> Self {
        Self { labels, drops_name: false, floats, histograms: Vec::new() }
    }

    /// The float at a step, or [`ABSENT`].
    pub(crate) fn float(&self, step: usize) -> f64 {
        self.floats.get(step).copied().unwrap_or(ABSENT)
    }

    /// The histogram at a step.
    pub(crate) fn histogram(&self, step: usize) -> Option<&Histogram> {
        self.histograms.get(step)?.as_deref()
    }

    /// Whether a step has a value of either kind.
    pub(crate) fn has(&self, step: usize) -> bool {
        is_present(self.float(step)) || self.histogram(step).is_some()
    }

    /// Whether no step has a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.floats.iter().all(|&v| is_absent(v)) && self.histograms.iter().all(Option::is_none)
    }

    /// Removes the value at a step.
    pub(crate) fn clear(&mut self, step: usize) {
        if let Some(float) = self.floats.get_mut(step) {
            *float = ABSENT;
        }
        if let Some(histogram) = self.histograms.get_mut(step) {
            *histogram = None;
        }
    }

    /// As it leaves the query.
    pub(crate) fn named(mut self) -> Self {
        if self.drops_name {
            self.labels = self.labels.without_name();
        }
        self
    }

    /// Every float replaced, histograms left out: what most functions do.
    pub(crate) fn map(mut self, f: impl Fn(f64) -> f64) -> Self {
        for value in self.floats.iter_mut().filter(|v| is_present(**v)) {
            *value = f(*value);
        }
        self.histograms = Vec::new();
        self
    }

    /// As [`Row::map`], where the function also depends on the step.
    pub(crate) fn map_steps(mut self, f: impl Fn(usize, f64) -> f64) -> Self {
        for (step, value) in self.floats.iter_mut().enumerate().filter(|(_, v)| is_present(**v)) {
            *value = f(step, *value);
        }
        self.histograms = Vec::new();
        self
    }

    /// Roughly the bytes this row holds.
    pub(crate) fn heap_bytes(&self) -> usize {
        let histograms: usize = self.histograms.iter().flatten().map(|s| size_of::<Histogram>() + s.heap_bytes()).sum();
        size_of::<Self>()
            + self.labels.heap_bytes()
            + self.floats.len() * size_of::<f64>()
            + self.histograms.len() * size_of::<usize>()
            + histograms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_not_a_number_and_no_arithmetic_makes_it() {
        assert!(is_absent(ABSENT) && ABSENT.is_nan());
        assert!(is_present(f64::NAN) && is_present(ABSENT + 1.0) && is_present(0.0 * ABSENT));
    }

    #[test]
    fn steps_span_their_range() {
        let check = |start, end, step, expected: &[i64]| {
            assert_eq!(Steps::spanning(start, end, step).instants().collect::<Vec<_>>(), expected);
        };
        check(0, 30, 10, &[0, 10, 20, 30]);
        check(5, 24, 10, &[5, 15]);
        check(5, 5, 10, &[5]);
        check(6, 5, 10, &[]);
    }
}
