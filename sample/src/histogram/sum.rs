//! Sums and differences of histograms, as queries make them: weights may fall below zero.

use super::{Histogram, Incompatible, ResetHint};

/// What became of two histograms that were added or subtracted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Their bounds differed; the common ones are left.
    pub bounds_reconciled: bool,
    /// One says that it began anew and the other that it did not.
    pub hints_collide: bool,
}

impl Histogram {
    /// Adds another.
    ///
    /// # Errors
    /// [`Incompatible`] where only one has bounds of its own.
    pub fn plus(&mut self, other: &Histogram) -> Result<Joined, Incompatible> {
        self.join(other, 1.0)
    }

    /// Takes another away.
    ///
    /// # Errors
    /// [`Incompatible`] where only one has bounds of its own.
    pub fn minus(&mut self, other: &Histogram) -> Result<Joined, Incompatible> {
        self.join(other, -1.0)
    }

    fn join(&mut self, other: &Histogram, times: f64) -> Result<Joined, Incompatible> {
        let (other, bounds_reconciled) = self.align(other)?;
        let hints_collide = self.join_hint(other.hint);
        self.join_range(&other, times > 0.0 && self.is_ranged() && other.is_ranged());
        self.zero += times * other.zero;
        self.count += times * other.count;
        self.sum += times * other.sum;
        self.positive.add_times(&other.positive, times);
        self.negative.add_times(&other.negative, times);
        Ok(Joined { bounds_reconciled, hints_collide })
    }

    fn join_hint(&mut self, other: ResetHint) -> bool {
        let collide = self.hint.contradicts(other);
        self.hint = self.hint.and(other);
        collide
    }
}

/// A sum of histograms that loses no small terms beside large ones: Neumaier's sum in every bucket.
#[derive(Clone, Debug)]
pub struct HistogramSum {
    sum: Histogram,
    /// What rounding took, by the same buckets.
    lost: Histogram,
}

impl HistogramSum {
    /// A sum that begins with one.
    pub fn of(first: &Histogram) -> Self {
        let lost = Histogram {
            positive: Default::default(),
            negative: Default::default(),
            zero: 0.0,
            count: 0.0,
            sum: 0.0,
            ..first.clone()
        };
        Self { sum: first.clone(), lost }
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`Incompatible`] where only one has bounds of its own.
    pub fn add(&mut self, other: &Histogram) -> Result<Joined, Incompatible> {
        let Self { sum, lost } = self;
        let (other, bounds_reconciled) = sum.align(other)?;
        lost.come_down(sum.scale);
        lost.widen_zero(sum.zero_threshold);
        if let Some(bounds) = &sum.bounds {
            lost.keep_bounds(bounds);
        }
        let hints_collide = sum.join_hint(other.hint);
        sum.join_range(&other, sum.is_ranged() && other.is_ranged());
        add_one(&mut sum.zero, &mut lost.zero, other.zero);
        add_one(&mut sum.count, &mut lost.count, other.count);
        add_one(&mut sum.sum, &mut lost.sum, other.sum);
        sum.positive.add_each(&mut lost.positive, &other.positive, add_one);
        sum.negative.add_each(&mut lost.negative, &other.negative, add_one);
        Ok(Joined { bounds_reconciled, hints_collide })
    }

    /// Multiplies what was added.
    pub fn scale(&mut self, by: f64) {
        self.sum.scale(by);
        self.lost.scale(by);
    }

    /// Divides what was added.
    pub fn divide(&mut self, by: f64) {
        self.sum.divide(by);
        self.lost.divide(by);
    }

    /// Whether nothing becomes infinite by one more.
    pub fn has_room_for(&self, other: &Histogram) -> bool {
        let largest = |histogram: &Histogram| {
            let buckets =
                histogram.positive.filled().chain(histogram.negative.filled()).map(|(_, weight)| weight.abs());
            buckets.fold(0.0, f64::max)
        };
        let Self { sum, .. } = self;
        // The largest buckets of both may be the same one.
        [(sum.zero, other.zero), (sum.count, other.count), (sum.sum, other.sum), (largest(sum), largest(other))]
            .iter()
            .all(|(one, other)| (one + other).is_finite() || !one.is_finite() || !other.is_finite())
    }

    /// The sum of all that was added.
    pub fn total(mut self) -> Histogram {
        let (min, max, hint) = (self.sum.min, self.sum.max, self.sum.hint);
        // The buckets of both are the same ones.
        let _ = self.sum.plus(&self.lost);
        Histogram { min, max, hint, ..self.sum }
    }
}

/// Neumaier's step: a term more, and what rounding took from it.
pub fn add_one(sum: &mut f64, lost: &mut f64, more: f64) {
    let total = *sum + more;
    let taken = if sum.abs() >= more.abs() { (*sum - total) + more } else { (more - total) + *sum };
    *lost = if total.is_infinite() { 0.0 } else { *lost + taken };
    *sum = total;
}
