//! Questions to a histogram, answered as Prometheus answers them: within a bucket observations lie as on a logarithmic scale,
//! around zero as on a linear one.

use super::{Histogram, scale};

/// Observations between two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Border next to lower values.
    pub lower: f64,
    /// Border next to higher values.
    pub upper: f64,
    /// Observations between the two.
    pub count: f64,
}

impl Bucket {
    fn is_around_zero(&self) -> bool {
        self.lower <= 0.0 && self.upper >= 0.0
    }
}

impl Histogram {
    /// The filled buckets, from the lowest to the highest. One that reaches into what counts as zero begins where that ends.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let (lower, upper) = (-self.zero_threshold, self.zero_threshold);
        let has_zero = self.zero != 0.0;
        let zero = has_zero.then_some(Bucket { lower, upper, count: self.zero });
        let outside = move |mut bucket: Bucket| {
            if has_zero && bucket.lower >= 0.0 {
                bucket.lower = bucket.lower.max(upper);
            } else if has_zero && bucket.upper <= 0.0 {
                bucket.upper = bucket.upper.min(lower);
            }
            bucket
        };
        let below = self.negative.filled().rev().map(|(index, count)| self.bucket(index, count, false)).map(outside);
        let above = self.positive.filled().map(|(index, count)| self.bucket(index, count, true)).map(outside);
        below.chain(zero).chain(above)
    }

    pub(super) fn bucket(&self, index: i32, count: f64, is_positive: bool) -> Bucket {
        if let Some(bounds) = &self.bounds {
            let bound =
                |index: i32| usize::try_from(index).ok().map(|at| bounds.get(at).copied().unwrap_or(f64::INFINITY));
            let lower = bound(index - 1).unwrap_or(f64::NEG_INFINITY);
            return Bucket { lower, upper: bound(index).unwrap_or(f64::NEG_INFINITY), count };
        }
        let (lower, upper) = (scale::border(index - 1, self.scale), scale::border(index, self.scale));
        if is_positive { Bucket { lower, upper, count } } else { Bucket { lower: -upper, upper: -lower, count } }
    }

    /// Whether observations lie in a bucket as on a linear scale.
    fn is_linear(&self, bucket: Bucket) -> bool {
        self.bounds.is_some() || bucket.is_around_zero()
    }

    /// The value that a share of a bucket's observations is at most.
    fn value_at(&self, bucket: Bucket, share: f64) -> f64 {
        if self.is_linear(bucket) {
            return bucket.lower + (bucket.upper - bucket.lower) * share;
        }
        let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        (lower + (upper - lower) * share).exp2().copysign(bucket.upper)
    }

    /// The share of a bucket's observations that is at most a value between its borders.
    pub(super) fn share(&self, bucket: Bucket, value: f64) -> f64 {
        if self.is_linear(bucket) {
            return (value - bucket.lower) / (bucket.upper - bucket.lower);
        }
        let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        (value.abs().log2() - lower) / (upper - lower)
    }

    /// The bucket around zero has nothing below zero where nothing else is below it; the lowest of one with its own bounds
    /// begins at zero if it ends above.
    fn narrowed(&self, mut bucket: Bucket) -> Bucket {
        if self.bounds.is_some() {
            if bucket.lower == f64::NEG_INFINITY && bucket.upper > 0.0 {
                bucket.lower = 0.0;
            }
        } else if bucket.is_around_zero() {
            match (self.negative.range(), self.positive.range()) {
                (None, Some(_)) => bucket.lower = 0.0,
                (Some(_), None) => bucket.upper = 0.0,
                _ => {}
            }
        }
        bucket
    }

    /// The value that a share `q` of the observations is at most; NaN when empty or `q` is NaN, −∞ for `q < 0` and +∞ for
    /// `q > 1`. What is no number lies above everything else.
    pub fn quantile(&self, q: f64) -> f64 {
        if !q.is_nan() && !(0.0..=1.0).contains(&q) {
            return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
        }
        if self.count == 0.0 || q.is_nan() {
            return f64::NAN;
        }
        let value = self.ranked(q);
        if self.min.is_nan() || value.is_nan() { value } else { value.clamp(self.min, self.max) }
    }

    fn ranked(&self, q: f64) -> f64 {
        let counts_up = self.sum.is_nan() || q < 0.5;
        let rank = if counts_up { q } else { 1.0 - q } * self.count;
        let reached = |buckets: &mut dyn Iterator<Item = Bucket>| {
            let (mut passed, mut last) = (0.0, None);
            for bucket in buckets {
                passed += bucket.count;
                last = Some(bucket);
                if passed >= rank {
                    break;
                }
            }
            last.map(|bucket| (bucket, passed))
        };
        let found = if counts_up { reached(&mut self.buckets()) } else { reached(&mut self.buckets().rev()) };
        let Some((bucket, passed)) = found else { return f64::NAN };
        if self.bounds.is_some() && (bucket.lower == f64::NEG_INFINITY && bucket.upper <= 0.0) {
            return bucket.upper;
        }
        if self.bounds.is_some() && bucket.upper == f64::INFINITY && bucket.lower != f64::NEG_INFINITY {
            return bucket.lower;
        }
        let (bucket, passed) = (self.narrowed(bucket), passed.min(self.count));
        if passed < rank {
            // What is no number, or rounding.
            return if self.sum.is_nan() { f64::NAN } else { bucket.upper };
        }
        let within = if counts_up { rank - (passed - bucket.count) } else { passed - rank };
        self.value_at(bucket, within / bucket.count)
    }

    /// Weight of the values at or below `bound`, exact at borders.
    pub fn count_at_most(&self, bound: f64) -> f64 {
        let all = if self.sum.is_nan() { self.in_buckets() } else { self.count };
        if bound == f64::NEG_INFINITY || !self.min.is_nan() && bound < self.min {
            return 0.0;
        }
        if !self.max.is_nan() && bound >= self.max {
            return all;
        }
        let mut below = 0.0;
        for bucket in self.buckets() {
            let is_endless = bucket.lower == f64::NEG_INFINITY && bucket.upper <= 0.0;
            let bucket = self.narrowed(bucket);
            if bucket.lower >= bound {
                return below;
            }
            if bucket.upper > bound {
                // Nothing can be told within a bucket without end: of the lowest all count, of the highest none.
                let share = if is_endless { 1.0 } else { self.share(bucket, bound) };
                return (below + bucket.count * share).min(all);
            }
            below += bucket.count;
        }
        all
    }

    /// The variance, every observation taken in the middle of its bucket.
    pub fn variance(&self) -> f64 {
        let mean = self.sum / self.count;
        let (mut sum, mut lost) = (0.0, 0.0);
        for bucket in self.buckets() {
            let middle = match () {
                () if self.bounds.is_some() => (bucket.lower + bucket.upper) / 2.0,
                () if bucket.is_around_zero() => 0.0,
                () => (bucket.lower * bucket.upper).sqrt().copysign(bucket.upper),
            };
            let off = middle - mean;
            super::add_one(&mut sum, &mut lost, bucket.count * off * off);
        }
        (sum + lost) / self.count
    }
}
