//! Sums and means that lose no small terms: Kahan's sum in Neumaier's form, as Prometheus has it.

use crate::row::is_absent;

/// A running sum and what rounding took from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) sum: f64,
    pub(crate) lost: f64,
}

impl Sum {
    pub(crate) fn of(values: &[f64]) -> Self {
        values.iter().fold(Self::default(), |sum, &v| sum.plus(v))
    }

    #[inline(always)]
    pub(crate) fn plus(self, more: f64) -> Self {
        let sum = self.sum + more;
        let lost = if self.sum.abs() >= more.abs() { (self.sum - sum) + more } else { (more - sum) + self.sum };
        Self { sum, lost: if sum.is_infinite() { 0.0 } else { self.lost + lost } }
    }

    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

/// A running mean that does not overflow where the sum would.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mean {
    /// The sum; once that would overflow, the mean itself.
    sum: Sum,
    count: f64,
    incremental: bool,
}

impl Mean {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let sum = if self.count == 1.0 { Sum { sum: value, lost: 0.0 } } else { self.sum.plus(value) };
            if self.count == 1.0 || !sum.sum.is_infinite() {
                self.sum = sum;
                return;
            }
            self.incremental = true;
            let before = self.count - 1.0;
            self.sum = Sum { sum: self.sum.sum / before, lost: self.sum.lost / before };
        }
        let share = (self.count - 1.0) / self.count;
        self.sum = Sum { sum: share * self.sum.sum, lost: share * self.sum.lost }.plus(value / self.count);
    }

    pub(crate) fn count(&self) -> f64 {
        self.count
    }

    /// The mean of what was added; NaN if that is nothing.
    pub(crate) fn value(&self) -> f64 {
        if self.incremental {
            self.sum.sum + self.sum.lost
        } else {
            self.sum.sum / self.count + self.sum.lost / self.count
        }
    }
}

/// Mean and squared distance from it, by Welford's method.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread {
    count: f64,
    mean: Sum,
    squares: Sum,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut spread = Self::default();
        values.iter().for_each(|&v| spread.add(v));
        spread
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let off = value - (self.mean.sum + self.mean.lost);
        self.mean = self.mean.plus(off / self.count);
        self.squares = self.squares.plus(off * (value - (self.mean.sum + self.mean.lost)));
    }

    pub(crate) fn count(&self) -> f64 {
        self.count
    }

    /// The population variance.
    pub(crate) fn variance(&self) -> f64 {
        (self.squares.sum + self.squares.lost) / self.count
    }
}

/// The larger (or smaller) of two values where NaN gives way to any number.
#[inline(always)]
pub(crate) fn extreme(kept: f64, value: f64, larger: bool) -> f64 {
    let wins = if larger { value > kept } else { value < kept };
    if is_absent(kept) || wins || kept.is_nan() { value } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_survive_large_ones() {
        assert_eq!(Sum::of(&[1.0, 1e100, 1.0, -1e100]).total(), 2.0);
        assert_eq!(Sum::of(&[f64::INFINITY, 1.0]).total(), f64::INFINITY);
    }

    #[test]
    fn means_do_not_overflow() {
        let mean = |values: &[f64]| {
            let mut mean = Mean::default();
            values.iter().for_each(|&v| mean.add(v));
            mean.value()
        };
        assert_eq!(mean(&[1.0, 2.0, 6.0]), 3.0);
        assert_eq!(mean(&[f64::MAX, f64::MAX]), f64::MAX);
        assert_eq!(mean(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(mean(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }

    #[test]
    fn numbers_replace_nan() {
        assert_eq!(extreme(f64::NAN, 1.0, true), 1.0);
        assert_eq!(extreme(1.0, f64::NAN, true), 1.0);
        assert_eq!(extreme(1.0, 0.5, false), 0.5);
    }
}
