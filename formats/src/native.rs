//! Native histograms as Prometheus' protocols have them: buckets in spans, and counts as they are or as differences.

use weir_sample::{Histogram, Parts, ResetHint, STALE};

use crate::protobuf::{Field, Fields, Malformed, WRONG_TYPE, message, packed_doubles, packed_varints, unzigzag};

/// Counts up to here are exact in a float.
pub(crate) const MOST_EXACT: u64 = 1 << 53;

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
    spans: Vec<(i64, u64)>,
    /// Whole counts, each as what it is more than the one before.
    deltas: Vec<i64>,
    counts: Vec<f64>,
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
    /// One more span: how far behind the bucket before, and how many.
    pub(crate) fn span(&mut self, field: Field<'_>) -> Result<(), Malformed> {
        let mut span = (0, 0);
        for field in Fields(message(field)?) {
            match field? {
                (1, Field::Varint(offset)) => span.0 = unzigzag(offset),
                (2, Field::Varint(length)) => span.1 = length,
                (1 | 2, _) => return Err(WRONG_TYPE),
                _ => {}
            }
        }
        self.spans.push(span);
        Ok(())
    }

    /// More whole counts.
    pub(crate) fn deltas(&mut self, field: Field<'_>) -> Result<(), Malformed> {
        packed_varints(field, |delta| self.deltas.push(unzigzag(delta)))
    }

    /// More counts that need not be whole.
    pub(crate) fn counts(&mut self, field: Field<'_>) -> Result<(), Malformed> {
        packed_doubles(field, |count| self.counts.push(count))
    }

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
