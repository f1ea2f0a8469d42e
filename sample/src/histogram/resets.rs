//! Whether a histogram that counts on began anew.

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
            (Some(_), Some(_)) => {
                let mut own = self.clone();
                own.align(before).is_ok_and(|(before, _)| own.positive.is_below(&before.positive))
            }
            // Prometheus compares schemas, and that of custom bounds is the lowest.
            _ => true,
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

    /// What was observed since `before`, as a delta: all of it where it began anew.
    #[must_use]
    pub fn observed_since(&self, before: &Histogram) -> Histogram {
        if !self.is_reset_after(before) {
            let mut more = self.clone();
            // Where a float has rounded, less than nothing may be left.
            if more.minus(before).is_ok() && more.is_sound() {
                return more.with_hint(ResetHint::Delta);
            }
        }
        self.clone().with_hint(ResetHint::Delta)
    }

    /// What it has more than the one before it, to be kept in its place: [`Histogram::after`] brings it back to the bit. `None` where
    /// it does not go on from that one, or numbers would not come back.
    pub fn since(&self, before: &Histogram) -> Option<Histogram> {
        let counts_on = |histogram: &Histogram| !matches!(histogram.hint, ResetHint::Delta | ResetHint::Gauge);
        let is_alike = counts_on(self)
            && counts_on(before)
            && (self.scale, self.zero_threshold) == (before.scale, before.zero_threshold)
            && self.bounds == before.bounds
            && !self.sum.is_nan()
            && !before.sum.is_nan()
            && (self.min.is_nan() && before.min.is_nan());
        if !is_alike || self.has_fallen_below(before) {
            return None;
        }
        let mut more = self.clone();
        more.minus(before).ok()?;
        (more.sum, more.hint) = (self.sum, self.hint);
        (more.is_sound() && more.after(before).is_same(self)).then_some(more)
    }

    /// What [`Histogram::since`] was made of.
    #[must_use]
    pub fn after(&self, before: &Histogram) -> Histogram {
        let mut whole = before.clone();
        // They are alike, or this was never made of the two.
        let _ = whole.plus(self);
        (whole.sum, whole.hint) = (self.sum, self.hint);
        whole
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
