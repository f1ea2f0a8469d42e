//! The mean of histograms.

use weir_sample::{Histogram, HistogramSum, Incompatible, Joined};

/// A running mean that does not overflow where the sum would.
#[derive(Clone, Debug)]
pub(crate) struct HistogramMean {
    /// The sum; once that would overflow, the mean itself.
    sum: HistogramSum,
    count: f64,
    is_incremental: bool,
}

impl HistogramMean {
    pub(crate) fn of(first: &Histogram) -> Self {
        Self { sum: HistogramSum::of(first), count: 1.0, is_incremental: false }
    }

    pub(crate) fn add(&mut self, other: &Histogram) -> Result<Joined, Incompatible> {
        self.count += 1.0;
        if !self.is_incremental && self.sum.has_room_for(other) {
            return self.sum.add(other);
        }
        if !self.is_incremental {
            self.is_incremental = true;
            self.sum.divide(self.count - 1.0);
        }
        self.sum.scale((self.count - 1.0) / self.count);
        let mut share = other.clone();
        share.divide(self.count);
        self.sum.add(&share)
    }

    pub(crate) fn value(mut self) -> Histogram {
        if !self.is_incremental {
            self.sum.divide(self.count);
        }
        self.sum.total()
    }
}
