//! Whether a histogram that counts on began anew.

use std::sync::Arc;

use super::{Histogram, ResetHint};

impl Histogram {
    /// Whether this one does not go on from `before`: a count fell, or its buckets are finer than before.
    pub fn is_reset_after(&self, before: &Histogram) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            _ => {}
        }
        if self.count < before.count {
            return true;
        }
        match (&self.bounds, &before.bounds) {
            (None, None) => self.has_fallen_below(before),
            (Some(own), Some(others)) => {
                let common: Arc<[f64]> = own.iter().copied().filter(|bound| others.contains(bound)).collect();
                let (mut own, mut before) = (self.clone(), before.clone());
                own.keep_bounds(&common);
                before.keep_bounds(&common);
                own.positive.is_below(&before.positive)
            }
            (Some(_), None) => true,
            // Prometheus compares schemas, and that of custom bounds is the lowest.
            (None, Some(_)) => true,
        }
    }

    fn has_fallen_below(&self, before: &Histogram) -> bool {
        if self.scale > before.scale || self.zero_threshold < before.zero_threshold {
            return true;
        }
        if (self.scale, self.zero_threshold) == (before.scale, before.zero_threshold) {
            return self.is_below(before);
        }
        let mut before = before.clone();
        before.widen_zero(self.zero_threshold);
        // A bucket that the new threshold cuts had something.
        if before.zero_threshold != self.zero_threshold {
            return true;
        }
        before.come_down(self.scale);
        self.is_below(&before)
    }

    fn is_below(&self, before: &Histogram) -> bool {
        self.zero < before.zero || self.positive.is_below(&before.positive) || self.negative.is_below(&before.negative)
    }

    /// Whether two are the same to a query: by their buckets, count and sum to the bit.
    pub fn is_same(&self, other: &Histogram) -> bool {
        let bits = |histogram: &Histogram| {
            [histogram.count, histogram.sum, histogram.zero, histogram.zero_threshold].map(f64::to_bits)
        };
        self.scale == other.scale
            && bits(self) == bits(other)
            && self.bounds == other.bounds
            && self.positive == other.positive
            && self.negative == other.negative
    }
}
