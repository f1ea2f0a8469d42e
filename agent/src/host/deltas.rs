//! Cumulative counters of the kernel become what a window added.

use std::collections::HashMap;

use weir_sample::{Series, Value};

/// The kernel's last word on each counter.
#[derive(Default)]
pub(crate) struct Deltas {
    last: HashMap<Series, Last>,
    turn: u64,
}

struct Last {
    value: f64,
    turn: u64,
    /// Whether the kernel's own word was lower than `value` at the last look.
    back: bool,
}

impl Deltas {
    /// Starts a new window; counters that were not read for two windows are forgotten.
    pub(crate) fn begin(&mut self) {
        self.turn += 1;
        let turn = self.turn;
        self.last.retain(|_, last| last.turn + 2 >= turn);
    }

    /// What a counter has added since it was last read, in the metric's unit; `None` the first time. `now` is the kernel's
    /// own number, one of which is `unit`.
    pub(crate) fn delta(&mut self, series: &Series, now: f64, unit: f64) -> Option<Value> {
        let turn = self.turn;
        match self.last.get_mut(series) {
            Some(last) => {
                last.turn = turn;
                Some(Value::Counter(tidy(last.added(now) * unit)))
            }
            None => {
                self.last.insert(series.clone(), Last { value: now, turn, back: false });
                None
            }
        }
    }
}

impl Last {
    /// Some counters step back a little and come again, as iowait does (man 5 proc_stat): that adds nothing, and what comes
    /// again is not counted twice. Those of 32 bits begin again at zero when they are full. Any other has started anew.
    fn added(&mut self, now: f64) -> f64 {
        let step = now - self.value;
        let went_back = step < 0.0;
        let (added, keeps) = if !went_back {
            (step, false)
        } else if self.value < FULL && self.value >= FULL - NEAR && now < NEAR {
            (FULL + step, false)
        } else if -step <= self.value / 2.0 {
            // Twice in a row, it goes on from where it is.
            (0.0, !self.back)
        } else {
            (now, false)
        };
        if !keeps {
            self.value = now;
        }
        self.back = keeps;
        added
    }
}

/// What a counter of 32 bits cannot reach.
const FULL: f64 = 4_294_967_296.0;
/// No such counter adds more in a window: 268 million milliseconds, or as many packets.
const NEAR: f64 = 268_435_456.0;

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
            assert_eq!(deltas.delta(&series, before, 1.0), None);
            assert_eq!(deltas.delta(&series, now, 1.0), Some(Value::Counter(expected)));
        };
        check(170_331.13, 170_332.24, 1.11);
        check(0.1, 0.3, 0.2);
        check(5.0, 9_007_199_254_740_990.0, 9_007_199_254_740_985.0);
        check(10.5, 2.25, 2.25);
    }

    #[test]
    fn a_counter_that_goes_back_never_jumps() {
        let check = |unit: f64, totals: &[f64], expected: &[f64]| {
            let (mut deltas, series) = (Deltas::default(), Series::named("x"));
            deltas.begin();
            let found: Vec<_> = totals.iter().filter_map(|total| deltas.delta(&series, *total, unit)).collect();
            let expected: Vec<_> = expected.iter().map(|delta| Value::Counter(*delta)).collect();
            assert_eq!(found, expected, "{totals:?}");
        };
        // iowait in ticks: back by ten of them, and on.
        check(0.01, &[500_000.0, 499_990.0, 500_010.0], &[0.0, 0.1]);
        check(0.01, &[100.0, 60.0, 70.0, 80.0], &[0.0, 0.0, 0.1]);
        check(1.0, &[4_294_967_290.0, 10.0, 11.0], &[16.0, 1.0]);
        check(1e-3, &[4_294_967_000.0, 704.0], &[1.0]);
        check(512.0, &[4_294_967_295.0, 1.0], &[1_024.0]);
        // Of more than 32 bits, or too far for one window: it has started anew.
        check(1.0, &[5_000_000_000.0, 10.0, 11.0], &[10.0, 1.0]);
        check(1.0, &[3_000_000_000.0, 10.0], &[10.0]);
    }
}
