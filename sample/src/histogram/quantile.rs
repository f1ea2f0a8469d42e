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

    /// The value that a share of the bucket's observations is at most.
    fn at(&self, share: f64) -> f64 {
        if self.is_around_zero() {
            return self.lower + (self.upper - self.lower) * share;
        }
        let (lower, upper) = (self.lower.abs().log2(), self.upper.abs().log2());
        (lower + (upper - lower) * share).exp2().copysign(self.upper)
    }

    /// The share of the bucket's observations that is at most a value between its borders.
    fn share(&self, value: f64) -> f64 {
        if self.is_around_zero() {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let (lower, upper) = (self.lower.abs().log2(), self.upper.abs().log2());
        (value.abs().log2() - lower) / (upper - lower)
    }

    /// The value in its middle, on its own scale.
    pub fn middle(&self) -> f64 {
        if self.is_around_zero() { 0.0 } else { (self.lower * self.upper).sqrt().copysign(self.upper) }
    }
}

impl Histogram {
    /// The filled buckets, from the lowest to the highest.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let border = |index: i32| scale::border(index, self.scale);
        let bucket = move |(index, count)| Bucket { lower: border(index - 1), upper: border(index), count };
        let turned = |Bucket { lower, upper, count }| Bucket { lower: -upper, upper: -lower, count };
        let (lower, upper) = (-self.zero_threshold, self.zero_threshold);
        let zero = (self.zero != 0.0).then_some(Bucket { lower, upper, count: self.zero });
        self.negative.filled().rev().map(bucket).map(turned).chain(zero).chain(self.positive.filled().map(bucket))
    }

    /// The bucket around zero has nothing below zero where nothing else is below it.
    fn narrowed(&self, mut bucket: Bucket) -> Bucket {
        if bucket.lower < 0.0 && bucket.upper > 0.0 {
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
        if self.count <= 0.0 || q.is_nan() {
            return f64::NAN;
        }
        if !(0.0..=1.0).contains(&q) {
            return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
        }
        let value = if self.sum.is_nan() || q < 0.5 { self.counting_up(q) } else { self.counting_down(1.0 - q) };
        if self.min.is_nan() { value } else { value.clamp(self.min, self.max) }
    }

    fn counting_up(&self, q: f64) -> f64 {
        let (rank, mut below) = (q * self.count, 0.0);
        let mut last = f64::NAN;
        for bucket in self.buckets() {
            if below + bucket.count >= rank {
                return self.narrowed(bucket).at((rank - below) / bucket.count);
            }
            below += bucket.count;
            last = bucket.upper;
        }
        // Rounding, or what is no number.
        if self.sum.is_nan() { f64::NAN } else { last }
    }

    fn counting_down(&self, q: f64) -> f64 {
        let (rank, mut above) = (q * self.count, 0.0);
        let mut last = f64::NAN;
        for bucket in self.buckets().rev() {
            if above + bucket.count >= rank {
                return self.narrowed(bucket).at(1.0 - (rank - above) / bucket.count);
            }
            above += bucket.count;
            last = bucket.lower;
        }
        last
    }

    /// Weight of the values at or below `bound`, exact at borders.
    pub fn count_at_most(&self, bound: f64) -> f64 {
        if !self.max.is_nan() && bound >= self.max {
            return self.buckets().map(|bucket| bucket.count).sum();
        }
        if !self.min.is_nan() && bound < self.min {
            return 0.0;
        }
        let below = |bucket: Bucket| {
            let bucket = self.narrowed(bucket);
            match () {
                () if bucket.upper <= bound => bucket.count,
                () if bucket.lower < bound => bucket.count * bucket.share(bound),
                () => 0.0,
            }
        };
        self.buckets().map(below).sum()
    }

    /// The variance, every observation taken in the middle of its bucket.
    pub fn variance(&self) -> f64 {
        let mean = self.sum / self.count;
        self.buckets().map(|bucket| bucket.count * (bucket.middle() - mean).powi(2)).sum::<f64>() / self.count
    }
}
