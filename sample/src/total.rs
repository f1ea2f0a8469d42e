//! Running totals: a counter's deltas made cumulative, for whatever keeps counters so.
//!
//! Seconds and other decimals add up as decimals: `0.1 + 0.2` is `0.3`, which is what was counted and takes a byte or two
//! to store, where the tail that binary addition leaves would take eight.

use std::time::Duration;

use crate::Timestamp;

/// A counter's running total: a number, which its keeper may hold as such.
///
/// A keeper that meets a counter for the first time writes a zero at [`Total::zero_before`], then the total after each
/// delta. A delta that comes late belongs to the total as well; its keeper raises the newest total that it wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total(f64);

/// Decimals are added as integers of this many parts.
const PARTS: f64 = 1e6;

/// Totals beyond this are not exact in so many parts.
const EXACT: f64 = 9_007_199_254.0;

impl Total {
    /// The total that a keeper holds as a number.
    pub const fn of(number: f64) -> Self {
        Self(number)
    }

    /// The total as a number.
    pub const fn number(self) -> f64 {
        self.0
    }

    /// Time of the zero that a counter begins with: one window before the end of its first delta's, so that an increase
    /// over time has that delta in it.
    pub fn zero_before(end: Timestamp, interval: Duration) -> Timestamp {
        end.minus(interval)
    }

    /// The total with what was counted since.
    #[must_use]
    pub fn plus(self, delta: f64) -> Self {
        let sum = self.0 + delta;
        // A cast, because `trunc` would be a call on machines without SSE 4.1.
        if sum as i64 as f64 == sum {
            return Self(sum);
        }
        match (parts(self.0), parts(delta)) {
            (Some(total), Some(delta)) if sum.abs() < EXACT => Self((total + delta) as f64 / PARTS),
            _ => Self(sum),
        }
    }
}

/// The value in parts, if it is a decimal of no more.
fn parts(value: f64) -> Option<i64> {
    let scaled = value * PARTS;
    let whole = (scaled + 0.5f64.copysign(scaled)) as i64;
    (whole as f64 / PARTS == value).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn add(total: f64, delta: f64) -> f64 {
        Total::of(total).plus(delta).number()
    }

    #[test]
    fn a_counter_begins_with_a_zero_one_window_before_its_first_delta() {
        let zero = Total::zero_before(Timestamp::from_secs(110), Duration::from_secs(10));
        assert_eq!((zero, Total::default().number()), (Timestamp::from_secs(100), 0.0));
        assert_eq!(Total::zero_before(Timestamp(i64::MIN), Duration::from_secs(10)), Timestamp(i64::MIN));
    }

    #[test]
    fn deltas_become_totals_in_whatever_order_they_come() {
        let totals = |deltas: &[f64]| deltas.iter().fold(Total::default(), |total, &delta| total.plus(delta));
        assert_eq!(totals(&[2.0, 0.25, 3.5]).number(), 5.75);
        assert_eq!(totals(&[3.5, 2.0, 0.25]), totals(&[2.0, 0.25, 3.5]));
        assert_eq!(Total::of(totals(&[2.0]).number()).plus(0.25), totals(&[2.0, 0.25]), "a keeper holds numbers");
    }

    #[test]
    fn decimals_add_up_without_a_tail() {
        let total = (0..1_000_000).fold(0.0, |total, _| add(total, 0.1));
        assert_eq!(total, 100_000.0);
        assert_eq!(add(0.1, 0.2), 0.3);
        assert_eq!(add(12.345678, 0.000001), 12.345679);
    }

    #[test]
    fn what_is_no_decimal_adds_up_as_ever() {
        for (total, delta) in [(1.0 / 3.0, 0.1), (0.1, 1e-9), (1e18, 0.1), (0.5, f64::INFINITY), (1e300, 1e300)] {
            assert_eq!(add(total, delta), total + delta, "{total} {delta}");
        }
        assert!(add(1.0, f64::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn it_is_never_far_from_the_sum(total: f64, delta: f64) {
            let (sum, exact) = (add(total, delta), total + delta);
            prop_assert!(sum == exact || (sum - exact).abs() <= exact.abs() * 1e-15 + 1e-12 || exact.is_nan());
        }
    }
}
