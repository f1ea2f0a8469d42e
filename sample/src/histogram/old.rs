//! Histograms as they were kept before: bins of a fixed relative width, 1 % on both sides of their middle.

use super::Histogram;

/// One that was written by an earlier version; bins are `(index, weight)` in rising order of index, weights above zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OldHistogram {
    /// Bins of values above zero.
    pub positive: Vec<(i32, f64)>,
    /// Bins of values below zero, indexed by magnitude.
    pub negative: Vec<(i32, f64)>,
    /// Weight of values at or next to zero.
    pub zero: f64,
    /// Total weight; the bins' sum up to rounding.
    pub count: f64,
    /// Sum of all values times their weights.
    pub sum: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
}

const RELATIVE_ERROR: f64 = 0.01;
/// The largest float had bin 35,485: no finite magnitude lay beyond.
const BIN_LIMIT: i32 = 36_000;
const MAX_BINS: i32 = 2_048;

impl OldHistogram {
    /// The same in buckets of now: what a bin had goes to the bucket of its middle, so that a value is off by 1.6 % at most.
    /// `None` if the parts are none that were ever written.
    pub fn histogram(&self) -> Option<Histogram> {
        let finite = [self.zero, self.count, self.sum, self.min, self.max].iter().all(|v| v.is_finite());
        let in_order = [&self.positive, &self.negative].into_iter().all(|bins| is_in_order(bins));
        if !finite || !in_order || self.zero < 0.0 || (self.count > 0.0 && self.min > self.max) {
            return None;
        }
        let bins = || self.positive.iter().chain(&self.negative);
        let weights = bins().map(|(_, weight)| weight).sum::<f64>() + self.zero;
        if !weights.is_finite() || (self.count - weights).abs() > 1e-6 * weights {
            return None;
        }
        let mut histogram = Histogram::new();
        self.positive.iter().for_each(|&(bin, weight)| histogram.insert_weighted(middle_of(bin), weight));
        self.negative.iter().for_each(|&(bin, weight)| histogram.insert_weighted(-middle_of(bin), weight));
        histogram.insert_weighted(0.0, self.zero);
        (histogram.count, histogram.sum) = (self.count, self.sum);
        if self.count > 0.0 {
            (histogram.min, histogram.max) = (self.min, self.max);
        }
        Some(histogram)
    }
}

fn is_in_order(bins: &[(i32, f64)]) -> bool {
    let rising = bins.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let within = bins.iter().all(|(bin, _)| (-BIN_LIMIT..=BIN_LIMIT).contains(bin));
    let narrow = bins.first().zip(bins.last()).is_none_or(|(first, last)| last.0 - first.0 < MAX_BINS);
    rising && within && narrow && bins.iter().all(|(_, weight)| weight.is_finite() && *weight > 0.0)
}

/// The value that is within 1 % of everything in the bin; the last bins reach beyond what is a float.
fn middle_of(bin: i32) -> f64 {
    let ln_gamma = ((1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)).ln();
    ((f64::from(bin) * ln_gamma).exp() * (1.0 - RELATIVE_ERROR)).clamp(f64::MIN_POSITIVE, f64::MAX)
}
