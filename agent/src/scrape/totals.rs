//! What counts on at an endpoint, and what it has added since the last look.

use std::collections::HashMap;

use weir_sample::{Histogram, ResetHint, Series, Value};

/// Totals of one target.
#[derive(Default)]
pub(super) struct Totals {
    numbers: HashMap<Series, Seen<f64>>,
    histograms: HashMap<Series, Seen<Histogram>>,
    looks: u64,
}

struct Seen<T> {
    total: T,
    at: u64,
}

/// Totals that were absent for this many looks are forgotten; should they come back, they start anew.
const FORGET_AFTER: u64 = 30;

impl Totals {
    /// One more look.
    pub(super) fn look(&mut self) {
        let looks = self.looks;
        self.numbers.retain(|_, seen| seen.at + FORGET_AFTER >= looks);
        self.histograms.retain(|_, seen| seen.at + FORGET_AFTER >= looks);
        self.looks += 1;
    }

    /// What a counter has added. Nothing is known of the time before the first look; a counter that is new later has
    /// begun at zero, and so has one that went back.
    pub(super) fn number(&mut self, series: &Series, total: f64) -> Option<Value> {
        let more = |total: &f64, before: &f64| if total >= before { total - before } else { *total };
        let added = added(&mut self.numbers, series, Seen { total, at: self.looks }, more);
        added.map(Value::Counter)
    }

    /// The same of a histogram. One whose counts go up and down stays as it is.
    pub(super) fn histogram(&mut self, series: &Series, total: Histogram) -> Option<Value> {
        if total.hint() == ResetHint::Gauge {
            return Some(Value::Distribution(Box::new(total)));
        }
        let added = added(&mut self.histograms, series, Seen { total, at: self.looks }, Histogram::observed_since)?;
        Some(Value::Distribution(Box::new(added.with_hint(ResetHint::Delta))))
    }
}

fn added<T: Clone>(
    all: &mut HashMap<Series, Seen<T>>,
    series: &Series,
    seen: Seen<T>,
    more: impl FnOnce(&T, &T) -> T,
) -> Option<T> {
    let is_first_look = seen.at == 1;
    match all.get_mut(series) {
        Some(held) => {
            let added = more(&seen.total, &held.total);
            *held = seen;
            Some(added)
        }
        None => {
            let total = (!is_first_look).then(|| seen.total.clone());
            all.insert(series.clone(), seen);
            total
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[f64], hint: ResetHint) -> Histogram {
        let mut histogram = Histogram::new();
        values.iter().for_each(|value| histogram.insert(*value));
        histogram.with_hint(hint)
    }

    #[test]
    fn totals_become_what_they_added_over_resets_and_new_series() {
        let (mut totals, [a, b]) = (Totals::default(), ["a", "b"].map(|name| Series::new(name, [])));
        let mut check = |series: &Series, total: f64, expected: Option<f64>| {
            totals.look();
            assert_eq!(totals.number(series, total), expected.map(Value::Counter), "{series} {total}");
        };
        check(&a, 10.0, None);
        check(&a, 15.0, Some(5.0));
        check(&a, 3.0, Some(3.0));
        check(&b, 2.0, Some(2.0));
        check(&a, 3.0, Some(0.0));
    }

    #[test]
    fn histograms_become_what_was_observed_and_gauges_stay() {
        let (mut totals, [a, g]) = (Totals::default(), ["a", "g"].map(|name| Series::new(name, [])));
        let mut check = |series: &Series, total: Histogram, expected: Option<Histogram>| {
            totals.look();
            let Some(expected) = expected else {
                return assert_eq!(totals.histogram(series, total), None, "{series}");
            };
            let Some(Value::Distribution(added)) = totals.histogram(series, total) else {
                panic!("nothing of {series}")
            };
            assert!(added.is_same(&expected), "{added:?} {expected:?}");
            assert_eq!(added.hint(), expected.hint());
        };
        let counts_on = ResetHint::Unknown;
        check(&a, histogram(&[1.0, 2.0], counts_on), None);
        check(&a, histogram(&[1.0, 2.0, 2.0, 9.0], counts_on), Some(histogram(&[2.0, 9.0], ResetHint::Delta)));
        check(&a, histogram(&[2.0], counts_on), Some(histogram(&[2.0], ResetHint::Delta)));
        check(&a, histogram(&[2.0], counts_on), Some(histogram(&[], ResetHint::Delta)));
        check(&g, histogram(&[5.0], ResetHint::Gauge), Some(histogram(&[5.0], ResetHint::Gauge)));
        check(&g, histogram(&[4.0], ResetHint::Gauge), Some(histogram(&[4.0], ResetHint::Gauge)));
    }

    #[test]
    fn what_is_absent_for_long_starts_anew() {
        let (mut totals, a) = (Totals::default(), Series::new("a", []));
        totals.look();
        totals.number(&a, 5.0);
        (0..=FORGET_AFTER + 1).for_each(|_| totals.look());
        assert_eq!(totals.number(&a, 6.0), Some(Value::Counter(6.0)));
    }
}
