//! Two histograms brought to buckets that both have.

use std::borrow::Cow;
use std::sync::Arc;

use super::buckets::Buckets;
use super::{Histogram, scale};

/// One has exponential buckets and the other bounds of its own: nothing is common to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incompatible;

impl Histogram {
    /// Brings this one to buckets that `other` can have as well, and gives the other with those; and whether bounds of
    /// theirs differed, of which the common ones are left.
    pub(super) fn align<'o>(&mut self, other: &'o Histogram) -> Result<(Cow<'o, Histogram>, bool), Incompatible> {
        match (&self.bounds, &other.bounds) {
            (None, None) => Ok((self.align_exponential(other), false)),
            (Some(own), Some(others)) if own == others => Ok((Cow::Borrowed(other), false)),
            (Some(own), Some(others)) => {
                let common: Arc<[f64]> = own.iter().copied().filter(|bound| others.contains(bound)).collect();
                let mut other = other.clone();
                self.keep_bounds(&common);
                other.keep_bounds(&common);
                Ok((Cow::Owned(other), true))
            }
            _ => Err(Incompatible),
        }
    }

    fn align_exponential<'o>(&mut self, other: &'o Histogram) -> Cow<'o, Histogram> {
        let mut other = Cow::Borrowed(other);
        self.come_down(other.scale);
        if other.scale > self.scale {
            other.to_mut().come_down(self.scale);
        }
        // A threshold may grow to the border of a bucket that it cuts, on either side.
        while self.zero_threshold != other.zero_threshold {
            self.widen_zero(other.zero_threshold);
            if other.zero_threshold < self.zero_threshold {
                other.to_mut().widen_zero(self.zero_threshold);
            }
        }
        let has_room = |own: &Buckets, more: &Buckets| more.range().is_none_or(|(low, high)| own.has_room(low, high));
        while !has_room(&self.positive, &other.positive) || !has_room(&self.negative, &other.negative) {
            self.come_down(self.scale - 1);
            other.to_mut().come_down(self.scale);
        }
        other
    }

    /// Joins the buckets between bounds that are not kept; those that are kept must be among its own.
    pub(super) fn keep_bounds(&mut self, kept: &Arc<[f64]>) {
        let Some(bounds) = self.bounds.replace(kept.clone()) else { return };
        let mut joined = Buckets::default();
        for (index, weight) in self.positive.filled() {
            let bound = bounds.get(index as usize).copied().unwrap_or(f64::INFINITY);
            joined.add(kept.partition_point(|one| *one < bound) as i32, weight);
        }
        self.positive = joined;
    }

    /// Counts as zero what is at most `threshold` from it, and the whole of a bucket that the threshold cuts.
    pub(super) fn widen_zero(&mut self, threshold: f64) {
        if threshold <= self.zero_threshold {
            return;
        }
        self.zero_threshold = threshold;
        for is_positive in [true, false] {
            let scale = self.scale;
            let side = self.side(is_positive);
            // The bucket that has the threshold, which is its own border or cuts it.
            let (moved, last) = side.take_to(scale::index(threshold, scale));
            self.zero += moved;
            if let Some(last) = last {
                self.zero_threshold = self.zero_threshold.max(scale::border(last, scale));
            }
        }
        if self.zero_threshold > threshold {
            let wider = self.zero_threshold;
            self.zero_threshold = threshold;
            self.widen_zero(wider);
        }
    }
}
