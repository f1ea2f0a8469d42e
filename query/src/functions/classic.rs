//! Classic histograms at one step: buckets by their upper bounds.

/// Relative difference up to which a bucket below its predecessor is taken for a rounding error.
const SMALL_DELTA: f64 = 1e-12;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) bound: f64,
    /// Observations at or below the bound.
    pub(crate) count: f64,
}

/// Where counts of buckets had to be made to rise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Forced {
    /// The lowest bound and the highest.
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// By how much a count fell, at most.
    pub(crate) diff: f64,
    /// Of how many histograms.
    pub(crate) samples: usize,
    /// From when to when, in milliseconds.
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Forced {
    pub(crate) fn at(self, time: i64) -> Self {
        Self { first: time, last: time, ..self }
    }

    pub(crate) fn join(&mut self, other: Self) {
        *self = Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            diff: self.diff.max(other.diff),
            samples: self.samples + other.samples,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        };
    }
}

/// A bucket's upper bound as written in `le`.
pub(crate) fn bound(text: &str) -> Option<f64> {
    text.parse().ok().filter(|bound: &f64| !bound.is_nan())
}

/// Sorts buckets, joins those of one bound and, where that is told, makes their counts rise. `false` if they are no histogram.
pub(crate) fn tidy(buckets: &mut Vec<Bucket>, forced: Option<&mut Option<Forced>>) -> bool {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    buckets.dedup_by(|later, kept| {
        let same = later.bound == kept.bound;
        kept.count += if same { later.count } else { 0.0 };
        same
    });
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return false;
    }
    let Some(forced) = forced else { return true };
    for at in 1..buckets.len() {
        let (before, Bucket { bound, count }) = (buckets[at - 1].count, buckets[at]);
        let small = nearly_equal(before, count);
        if count < before || small {
            buckets[at].count = before;
        }
        if count < before && !small {
            let here = Forced { from: bound, to: bound, diff: before - count, samples: 1, first: 0, last: 0 };
            forced.get_or_insert(here).join(Forced { samples: 0, ..here });
        }
    }
    true
}

fn nearly_equal(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() < SMALL_DELTA * (a.abs() + b.abs())
}

/// Interpolates linearly inside the bucket that holds the rank; the lowest bucket starts at zero if its bound is above.
pub(crate) fn bucket_quantile(phi: f64, buckets: &[Bucket]) -> f64 {
    let last = buckets.len() - 1;
    let total = buckets[last].count;
    if total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    let rank = phi * total;
    let at = buckets[..last].partition_point(|bucket| bucket.count < rank);
    if at == last {
        return buckets[last - 1].bound;
    }
    if at == 0 && buckets[0].bound <= 0.0 {
        return buckets[0].bound;
    }
    let (start, below) = if at == 0 { (0.0, 0.0) } else { (buckets[at - 1].bound, buckets[at - 1].count) };
    start + (buckets[at].bound - start) * ((rank - below) / (buckets[at].count - below))
}

pub(crate) fn bucket_fraction(lower: f64, upper: f64, buckets: &[Bucket]) -> f64 {
    let total = buckets[buckets.len() - 1].count;
    // A histogram without bounds that has seen nothing has nothing anywhere.
    if total == 0.0 && buckets.len() == 1 && !lower.is_nan() && !upper.is_nan() {
        return 0.0;
    }
    match total == 0.0 || lower.is_nan() || upper.is_nan() {
        true => f64::NAN,
        false if lower >= upper => 0.0,
        false => (observations_below(upper, buckets) - observations_below(lower, buckets)) / total,
    }
}

/// Observations below a value, interpolated. In a bucket without end nothing can be interpolated: of the lowest all
/// observations count, of the highest none.
fn observations_below(value: f64, buckets: &[Bucket]) -> f64 {
    let mut start = if buckets[0].bound > 0.0 { 0.0 } else { f64::NEG_INFINITY };
    let mut below = 0.0;
    for bucket in buckets {
        if start >= value {
            return below;
        }
        if value < bucket.bound {
            let within = (bucket.count - below) * (value - start) / (bucket.bound - start);
            return if start.is_infinite() { bucket.count } else { below + within };
        }
        (start, below) = (bucket.bound, bucket.count);
    }
    below
}
