//! What is left of a histogram below or above a value.

use super::{Bucket, Histogram};

/// Which side of a value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What is below it.
    Below,
    /// What is above it.
    Above,
}

impl Histogram {
    /// Takes away what lies on the other side of `at`. Within the bucket that has it observations are taken to lie as for
    /// quantiles; the sum is then that of the middles of what is left.
    pub fn trim(&mut self, at: f64, side: Side) {
        let (has_positive, has_negative) = (self.positive.range().is_some(), self.negative.range().is_some());
        let (mut count, mut sum, mut is_trimmed) = (0.0, 0.0, false);
        let mut keep = |weight: f64, (kept, middle): (f64, f64)| {
            count += kept;
            sum += middle * kept;
            is_trimmed |= kept != weight;
            kept
        };
        for is_positive in [true, false] {
            let trimmed: Vec<(i32, f64)> = self
                .side(is_positive)
                .filled()
                .collect::<Vec<_>>()
                .into_iter()
                .map(|(index, weight)| {
                    (index, keep(weight, self.kept(self.bucket(index, weight, is_positive), at, side)))
                })
                .collect();
            let side = self.side(is_positive);
            trimmed.into_iter().for_each(|(index, weight)| side.set(index, weight));
        }
        if self.zero > 0.0 {
            let (lower, upper) = (-self.zero_threshold, self.zero_threshold);
            let lower = if has_positive && !has_negative { 0.0 } else { lower };
            let upper = if has_negative && !has_positive { 0.0 } else { upper };
            self.zero = keep(self.zero, kept_around_zero(Bucket { lower, upper, count: self.zero }, at, side));
        }
        if is_trimmed {
            (self.count, self.sum) = (count, sum);
            (self.min, self.max) = (f64::NAN, f64::NAN);
        }
    }

    /// How much of a bucket is kept, and the value that stands for it.
    fn kept(&self, bucket: Bucket, at: f64, side: Side) -> (f64, f64) {
        let Bucket { lower, upper, count } = bucket;
        let (all, some) = match side {
            Side::Below => (upper <= at, lower < at),
            Side::Above => (lower >= at, upper > at),
        };
        match () {
            () if all => (count, self.middle(lower, upper)),
            () if some && (lower.is_infinite() || upper.is_infinite()) => kept_of_endless(bucket, at, side),
            () if some => {
                let below = count * self.share(bucket, at);
                match side {
                    Side::Below => (below, self.middle(lower, at)),
                    Side::Above => (count - below, self.middle(at, upper)),
                }
            }
            () => (0.0, 0.0),
        }
    }

    /// The value that stands for what lies between two.
    fn middle(&self, lower: f64, upper: f64) -> f64 {
        match (lower.is_infinite(), upper.is_infinite()) {
            (true, true) => 0.0,
            (true, false) if upper > 0.0 => upper / 2.0,
            (true, false) => upper,
            (false, true) => lower,
            (false, false) if self.bounds.is_some() => (lower + upper) / 2.0,
            (false, false) => (lower * upper).abs().sqrt().copysign(if lower >= 0.0 { 1.0 } else { -1.0 }),
        }
    }
}

/// Nobody knows how observations lie in a bucket without end: what may be on the other side is taken away. The lowest bucket
/// begins at zero if it ends above.
fn kept_of_endless(Bucket { lower, upper, count }: Bucket, at: f64, side: Side) -> (f64, f64) {
    let or_zero = |value: f64| if value.is_infinite() { 0.0 } else { value };
    if lower.is_infinite() {
        let ends_above = upper > 0.0 && upper.is_finite();
        return match side {
            Side::Below if ends_above && at > 0.0 => (count * at / upper, at / 2.0),
            Side::Below if upper <= 0.0 => (count, at),
            Side::Above if ends_above && at >= 0.0 && upper > at => (count * (1.0 - at / upper), (at + upper) / 2.0),
            _ => (0.0, or_zero(upper)),
        };
    }
    match side {
        Side::Above if at >= lower => (count, at),
        _ => (0.0, or_zero(lower)),
    }
}

fn kept_around_zero(Bucket { lower, upper, count }: Bucket, at: f64, side: Side) -> (f64, f64) {
    let middle = (lower + upper) / 2.0;
    match side {
        Side::Below if at <= lower => (0.0, 0.0),
        Side::Below if at >= upper => (count, middle),
        Side::Below => (count * (at - lower) / (upper - lower), (lower + at) / 2.0),
        Side::Above if at <= lower => (count, middle),
        Side::Above if at >= upper => (0.0, 0.0),
        Side::Above => (count * (upper - at) / (upper - lower), (at + upper) / 2.0),
    }
}
