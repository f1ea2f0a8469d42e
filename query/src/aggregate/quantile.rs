//! Quantiles of plain values.

use std::cmp::Ordering;

/// The φ-quantile of `values`, interpolated between neighbours; changes their order. NaN if there are none.
pub(crate) fn quantile(phi: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || phi.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&phi) {
        return if phi < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let rank = phi * (values.len() - 1) as f64;
    let weight = rank - rank.floor();
    let (_, low, above) = values.select_nth_unstable_by(rank.floor() as usize, |a, b| nan_first(*a, *b));
    if weight == 0.0 {
        return *low;
    }
    let high = above.iter().copied().min_by(|a, b| nan_first(*a, *b)).unwrap_or(*low);
    *low * (1.0 - weight) + high * weight
}

/// The median of the distances from the median.
pub(crate) fn median_deviation(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut values = values.to_vec();
    let median = quantile(0.5, &mut values);
    values.iter_mut().for_each(|v| *v = (*v - median).abs());
    quantile(0.5, &mut values)
}

/// Rising order with NaN below every number.
pub(crate) fn nan_first(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(&b),
        (a, b) => b.cmp(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        let check = |phi, values: &[f64], expected: f64| {
            let got = quantile(phi, &mut values.to_vec());
            assert!(got == expected || (got.is_nan() && expected.is_nan()), "{got}, not {expected}");
        };
        check(0.5, &[3.0, 1.0, 2.0], 2.0);
        check(0.5, &[1.0, 2.0], 1.5);
        check(1.0, &[1.0, 2.0], 2.0);
        check(-1.0, &[1.0], f64::NEG_INFINITY);
        check(2.0, &[1.0], f64::INFINITY);
        check(f64::NAN, &[1.0], f64::NAN);
        check(0.5, &[], f64::NAN);
        check(0.0, &[1.0, f64::NAN], f64::NAN);
        assert_eq!(median_deviation(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), 1.0);
    }
}
