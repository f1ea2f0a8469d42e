//! Cumulative counters of the kernel become what a window added.

use std::collections::HashMap;

use weir_sample::{Series, Value};

/// The kernel's last word on each counter.
#[derive(Default)]
pub(crate) struct Deltas {
    last: HashMap<Series, (f64, u64)>,
    turn: u64,
}

impl Deltas {
    /// Starts a new window; counters that were not read for two windows are forgotten.
    pub(crate) fn begin(&mut self) {
        self.turn += 1;
        let turn = self.turn;
        self.last.retain(|_, (_, seen)| *seen + 2 >= turn);
    }

    /// What a counter has added since it was last read; `None` the first time. One that went back has started again.
    pub(crate) fn delta(&mut self, series: &Series, now: f64) -> Option<Value> {
        let turn = self.turn;
        match self.last.get_mut(series) {
            Some((last, seen)) => {
                let delta = tidy(if now >= *last { now - *last } else { now });
                (*last, *seen) = (now, turn);
                Some(Value::Counter(delta))
            }
            None => {
                self.last.insert(series.clone(), (now, turn));
                None
            }
        }
    }
}

/// No counter of the kernel is finer than a microsecond; what a subtraction of two of them leaves beyond that is noise,
/// which would cost eight bytes on the wire and stay in every sum.
fn tidy(delta: f64) -> f64 {
    let tidy = (delta * 1e6).round() / 1e6;
    if delta.fract() == 0.0 || !tidy.is_finite() { delta } else { tidy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_have_no_more_digits_than_their_counters() {
        let check = |before: f64, now: f64, expected: f64| {
            let (mut deltas, series) = (Deltas::default(), Series::named("x"));
            deltas.begin();
            assert_eq!(deltas.delta(&series, before), None);
            assert_eq!(deltas.delta(&series, now), Some(Value::Counter(expected)));
        };
        check(170_331.13, 170_332.24, 1.11);
        check(0.1, 0.3, 0.2);
        check(5.0, 9_007_199_254_740_990.0, 9_007_199_254_740_985.0);
        check(10.5, 2.25, 2.25);
    }
}
