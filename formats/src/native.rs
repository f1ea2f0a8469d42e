//! Native histograms as Prometheus' protocols have them: buckets in spans, and counts as they are or as differences.

use weir_sample::{Histogram, Parts, ResetHint, STALE};

/// What a protocol says of a histogram.
#[derive(Debug)]
pub(crate) struct Native {
    pub(crate) schema: i64,
    pub(crate) hint: ResetHint,
    pub(crate) count: f64,
    pub(crate) sum: f64,
    pub(crate) zero_threshold: f64,
    pub(crate) zero: f64,
    pub(crate) positive: Side,
    pub(crate) negative: Side,
    pub(crate) bounds: Vec<f64>,
}

/// Buckets of one sign. One of deltas and counts is empty.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// How far behind the bucket before, and how many.
    pub(crate) spans: Vec<(i64, u64)>,
    /// Whole counts, each as what it is more than the one before.
    pub(crate) deltas: Vec<i64>,
    pub(crate) counts: Vec<f64>,
}

impl Default for Native {
    fn default() -> Self {
        Self {
            schema: 0,
            hint: ResetHint::Unknown,
            count: 0.0,
            sum: 0.0,
            zero_threshold: 0.0,
            zero: 0.0,
            positive: Side::default(),
            negative: Side::default(),
            bounds: Vec::new(),
        }
    }
}

impl Native {
    /// The histogram, if anything can have been counted so. Where the threshold of zero lies within a bucket, that bucket counts as
    /// zero.
    pub(crate) fn histogram(self) -> Option<Histogram> {
        let parts = Parts {
            scale: i8::try_from(self.schema).ok()?,
            hint: self.hint,
            zero_threshold: self.zero_threshold,
            zero: self.zero,
            count: self.count,
            sum: self.sum,
            positive: self.positive.buckets()?,
            negative: self.negative.buckets()?,
            bounds: self.bounds,
        };
        if parts.sum.to_bits() == STALE.to_bits() {
            // Nothing but that its series has ended.
            let empty = Parts { zero: 0.0, count: 0.0, positive: Vec::new(), negative: Vec::new(), ..parts };
            return empty.histogram();
        }
        parts.histogram().map(Histogram::settled).filter(Histogram::is_sound)
    }
}

impl Side {
    /// Indices and counts; `None` if there are more or fewer than the spans say.
    fn buckets(&self) -> Option<Vec<(i32, f64)>> {
        let mut total = 0_i64;
        let mut of_deltas = self.deltas.iter().map(|delta| {
            total = total.wrapping_add(*delta);
            total as f64
        });
        let mut of_counts = self.counts.iter().copied();
        let weights: &mut dyn Iterator<Item = f64> =
            if self.deltas.is_empty() { &mut of_counts } else { &mut of_deltas };
        let (mut buckets, mut next) = (Vec::new(), 0_i64);
        for &(offset, length) in &self.spans {
            next = next.checked_add(offset)?;
            for _ in 0..length {
                buckets.push((i32::try_from(next).ok()?, weights.next()?));
                next += 1;
            }
        }
        weights.next().is_none().then_some(buckets)
    }
}
