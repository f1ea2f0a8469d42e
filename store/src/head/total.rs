//! Running totals of counters. Seconds and other decimals add up as decimals: `0.1 + 0.2` is `0.3`, which is what was
//! counted and takes a byte or two to store, where the tail that binary addition leaves would take eight.

/// Decimals are added as integers of this many parts.
const PARTS: f64 = 1e6;

/// Totals beyond this are not exact in so many parts.
const EXACT: f64 = 9_007_199_254.0;

/// A total and what was counted since.
pub(crate) fn add(total: f64, delta: f64) -> f64 {
    let sum = total + delta;
    // A cast, because `trunc` would be a call on machines without SSE 4.1.
    if sum as i64 as f64 == sum {
        return sum;
    }
    match (parts(total), parts(delta)) {
        (Some(total), Some(delta)) if sum.abs() < EXACT => (total + delta) as f64 / PARTS,
        _ => sum,
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
