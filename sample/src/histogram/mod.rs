//! Exponential histograms: buckets whose borders are powers of 2^(2^-scale), and exact count, sum, smallest and largest value.
//!
//! Bucket `i` holds what is above `base^(i-1)` and at most `base^i`, as Prometheus' native histograms have it; negative
//! values are kept by magnitude. A histogram begins at scale 6 (64 buckets from a number to its double: a bucket's middle is
//! within 0.54 % of all that is in it) and comes down only where its buckets would be more than 2,048. Each step down joins
//! neighbours, so that merges in any order, through any scales, end with the same buckets.

mod align;
mod buckets;
mod bytes;
mod hint;
mod old;
mod parts;
mod quantile;
mod resets;
mod scale;
mod sum;
mod trim;

pub use align::Incompatible;
pub use hint::ResetHint;
pub use old::OldHistogram;
pub use parts::{CUSTOM_BOUNDS, Parts};
pub use quantile::Bucket;
pub use scale::MAX_SCALE;
pub use sum::{HistogramSum, Joined, add_one};
pub use trim::Side;

use std::sync::Arc;

use buckets::Buckets;
use scale::MIN_SCALE;

/// Magnitudes up to this count as zero, as in Prometheus' libraries: 2^-128.
const ZERO_THRESHOLD: f64 = f64::from_bits(895 << 52);

/// A distribution: what was observed, by buckets.
///
/// Weights are fractional because a StatsD sample rate of 0.3 stands for 3⅓ observations.
#[derive(Clone, Debug)]
pub struct Histogram {
    scale: i8,
    hint: ResetHint,
    positive: Buckets,
    negative: Buckets,
    zero: f64,
    zero_threshold: f64,
    /// Also of observations that are no number, which no bucket has.
    count: f64,
    sum: f64,
    /// NaN where it is not known.
    min: f64,
    max: f64,
    /// Upper bounds of the buckets where they are not powers of a base; the last bucket has none.
    bounds: Option<Arc<[f64]>>,
}

/// Equal when the same buckets have the same weights, and what is not known of one is not of the other.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        let same = |one: f64, other: f64| one == other || one.is_nan() && other.is_nan();
        (self.scale, self.hint, self.zero_threshold, self.zero, self.count)
            == (other.scale, other.hint, other.zero_threshold, other.zero, other.count)
            && [(self.sum, other.sum), (self.min, other.min), (self.max, other.max)].iter().all(|&(a, b)| same(a, b))
            && self.positive == other.positive
            && self.negative == other.negative
            && self.bounds == other.bounds
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            scale: MAX_SCALE,
            hint: ResetHint::Delta,
            positive: Buckets::default(),
            negative: Buckets::default(),
            zero: 0.0,
            zero_threshold: ZERO_THRESHOLD,
            count: 0.0,
            sum: 0.0,
            min: f64::NAN,
            max: f64::NAN,
            bounds: None,
        }
    }
}

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts `value` once.
    pub fn insert(&mut self, value: f64) {
        self.insert_weighted(value, 1.0);
    }

    /// Counts `value` `weight` times. What is no number counts, is in no bucket, and makes the sum no number. Weights that are
    /// not above zero are left out.
    pub fn insert_weighted(&mut self, value: f64, weight: f64) {
        if !weight.is_finite() || weight <= 0.0 {
            return;
        }
        let first = self.count == 0.0;
        self.count += weight;
        self.sum += value * weight;
        if value.is_nan() {
            return;
        }
        // `min` and `max` pass over what is no number: the first, or those of a histogram of nothing else.
        if first || self.is_ranged() || self.in_buckets() == 0.0 {
            (self.min, self.max) = (self.min.min(value), self.max.max(value));
        }
        if value.abs() <= self.zero_threshold {
            self.zero += weight;
            return;
        }
        let (magnitude, is_positive) = (value.abs(), value > 0.0);
        let mut index = scale::index(magnitude, self.scale);
        while !self.side(is_positive).has_room(index, index) {
            self.come_down(self.scale - 1);
            index = scale::index(magnitude, self.scale);
        }
        self.side(is_positive).add(index, weight);
    }

    fn side(&mut self, is_positive: bool) -> &mut Buckets {
        if is_positive { &mut self.positive } else { &mut self.negative }
    }

    /// Whether the smallest and the largest value are known.
    fn is_ranged(&self) -> bool {
        !self.min.is_nan()
    }

    /// The weight of all that is a number.
    fn in_buckets(&self) -> f64 {
        self.zero + self.positive.total() + self.negative.total()
    }

    /// Adds everything `other` has counted; one that has no buckets in common with it takes its place.
    pub fn merge(&mut self, other: &Histogram) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            return self.clone_from(other);
        }
        let known = (self.is_ranged() || self.in_buckets() == 0.0) && (other.is_ranged() || other.in_buckets() == 0.0);
        let Ok((other, _)) = self.align(other) else { return self.clone_from(other) };
        self.join_range(&other, known);
        self.hint = self.hint.and(other.hint);
        self.count += other.count;
        self.sum += other.sum;
        self.zero += other.zero;
        self.positive.add_all(&other.positive, 0);
        self.negative.add_all(&other.negative, 0);
    }

    /// Smallest and largest value of this and another, if they are known of both.
    fn join_range(&mut self, other: &Histogram, known: bool) {
        (self.min, self.max) =
            if known { (self.min.min(other.min), self.max.max(other.max)) } else { (f64::NAN, f64::NAN) };
    }

    /// Takes what arrived later for the same time: to a window more is added, what counts on is replaced.
    pub fn lay(&mut self, later: &Histogram) {
        if self.hint == ResetHint::Delta && later.hint == ResetHint::Delta {
            self.merge(later);
        } else {
            self.clone_from(later);
        }
    }

    /// Comes down to a coarser scale; a finer one changes nothing.
    pub fn come_down(&mut self, scale: i8) {
        let scale = scale.max(MIN_SCALE);
        if scale < self.scale {
            let by = (self.scale - scale) as u32;
            self.positive.coarsen(by);
            self.negative.coarsen(by);
            self.scale = scale;
        }
    }

    /// Multiplies every weight; turns a merged window into a rate. Below zero nothing is known of what it goes on from, nor of
    /// its range.
    pub fn scale(&mut self, by: f64) {
        self.change_weights(by < 0.0, |weight| weight * by);
    }

    /// Divides every weight. By zero nothing is left of its buckets but what counts as zero.
    pub fn divide(&mut self, by: f64) {
        if by == 0.0 {
            (self.positive, self.negative) = (Buckets::default(), Buckets::default());
        }
        self.change_weights(by < 0.0, |weight| weight / by);
    }

    fn change_weights(&mut self, turns: bool, change: impl Fn(f64) -> f64) {
        if turns {
            self.hint = ResetHint::Gauge;
            (self.min, self.max) = (f64::NAN, f64::NAN);
        }
        [&mut self.count, &mut self.sum, &mut self.zero].into_iter().for_each(|weight| *weight = change(*weight));
        self.positive.change(&change);
        self.negative.change(&change);
    }

    /// Total weight.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Sum of values times weights.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Smallest value; NaN when empty or not known.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// Largest value; NaN when empty or not known.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// How it stands to the one before it in its series.
    pub fn hint(&self) -> ResetHint {
        self.hint
    }

    /// The same under another hint.
    #[must_use]
    pub fn with_hint(mut self, hint: ResetHint) -> Self {
        self.hint = hint;
        self
    }

    /// Whether its buckets end at bounds of its own.
    pub fn has_own_bounds(&self) -> bool {
        self.bounds.is_some()
    }

    /// Weight of the observations that are no number, which no bucket has.
    pub fn no_numbers(&self) -> f64 {
        if self.sum.is_nan() { (self.count - self.in_buckets()).max(0.0) } else { 0.0 }
    }

    /// The scale of its buckets; Prometheus calls it the schema.
    pub fn resolution(&self) -> i8 {
        self.scale
    }

    /// Bytes this histogram holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.positive.heap_bytes() + self.negative.heap_bytes()
    }

    /// Two histograms whose merge is this one; `None` if neither sign has two buckets.
    pub fn halves(&self) -> Option<[Histogram; 2]> {
        let (positive, negative) = (self.positive.split(), self.negative.split());
        if positive.is_none() && negative.is_none() {
            return None;
        }
        let (low_positive, high_positive) = positive.unwrap_or((self.positive.clone(), Buckets::default()));
        let (low_negative, high_negative) = negative.unwrap_or((self.negative.clone(), Buckets::default()));
        let count = high_positive.total() + high_negative.total();
        let high =
            Self { positive: high_positive, negative: high_negative, zero: 0.0, count, sum: 0.0, ..self.clone() };
        let mut low = Self { positive: low_positive, negative: low_negative, ..self.clone() };
        // By what it has, not by what is left: beside a huge weight that would be nothing.
        low.count = low.in_buckets() + (self.count - self.in_buckets()).max(0.0);
        Some([low, high])
    }
}

#[cfg(test)]
mod tests;
