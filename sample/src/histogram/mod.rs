//! A quantile histogram with a relative error of 1 %, mergeable without loss.
//!
//! DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
//! VLDB 2019): bin `i` counts the values in `(γ^(i-1), γ^i]` with `γ = (1 + α) / (1 - α)`.

use std::sync::LazyLock;

/// The α of every histogram: a quantile is off by at most this share of its value.
pub const RELATIVE_ERROR: f64 = 0.01;

/// Bins kept per sign. γ^2048 spans 17 decades; beyond that the smallest magnitudes share a bin.
const MAX_BINS: usize = 2048;

/// Magnitudes below this count as zero: under a picosecond, when the unit is a second.
const MIN_MAGNITUDE: f64 = 1e-12;

static LN_GAMMA: LazyLock<f64> = LazyLock::new(|| ((1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)).ln());

/// A distribution: bins, and exact count, sum, min and max.
///
/// Weights are fractional because a StatsD sample rate of 0.3 stands for 3⅓ observations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    positive: Bins,
    negative: Bins,
    zero: f64,
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
}

/// A histogram taken apart for encoding; bins are `(index, weight)` in rising order of index, weights above zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramParts {
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

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts `value` once.
    pub fn insert(&mut self, value: f64) {
        self.insert_weighted(value, 1.0);
    }

    /// Counts `value` `weight` times. Values that are not finite and weights that are not above zero are left out.
    pub fn insert_weighted(&mut self, value: f64, weight: f64) {
        if !value.is_finite() || !weight.is_finite() || weight <= 0.0 {
            return;
        }
        (self.min, self.max) =
            if self.count == 0.0 { (value, value) } else { (self.min.min(value), self.max.max(value)) };
        self.count += weight;
        self.sum += value * weight;
        match value {
            v if v > MIN_MAGNITUDE => self.positive.add(bin_of(v), weight),
            v if v < -MIN_MAGNITUDE => self.negative.add(bin_of(-v), weight),
            _ => self.zero += weight,
        }
    }

    /// Adds everything `other` has counted.
    pub fn merge(&mut self, other: &Histogram) {
        if other.count == 0.0 {
            return;
        }
        (self.min, self.max) =
            if self.count == 0.0 { (other.min, other.max) } else { (self.min.min(other.min), self.max.max(other.max)) };
        self.count += other.count;
        self.sum += other.sum;
        self.zero += other.zero;
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
    }

    /// Multiplies every weight; turns a merged window into a rate.
    pub fn scale(&mut self, by: f64) {
        self.count *= by;
        self.sum *= by;
        self.zero *= by;
        for weight in self.positive.weights.iter_mut().chain(&mut self.negative.weights) {
            *weight *= by;
        }
    }

    /// Total weight.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Sum of values times weights.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Smallest value; NaN when empty.
    pub fn min(&self) -> f64 {
        if self.count > 0.0 { self.min } else { f64::NAN }
    }

    /// Largest value; NaN when empty.
    pub fn max(&self) -> f64 {
        if self.count > 0.0 { self.max } else { f64::NAN }
    }

    /// The value below which a share `q` of the weight lies, within 1 % of it; NaN when empty or `q` is NaN,
    /// −∞ for `q < 0` and +∞ for `q > 1`, as PromQL's `histogram_quantile` has it.
    pub fn quantile(&self, q: f64) -> f64 {
        if self.count <= 0.0 || q.is_nan() {
            return f64::NAN;
        }
        match q {
            q if q < 0.0 => return f64::NEG_INFINITY,
            q if q > 1.0 => return f64::INFINITY,
            0.0 => return self.min,
            1.0 => return self.max,
            _ => {}
        }
        // Values are ranked from 0 to count - 1, as the paper does; weights below one leave rank 0.
        let rank = q * (self.count - 1.0).max(0.0);
        let mut below = 0.0;
        let negative = self.negative.iter().rev().map(|(bin, weight)| (-middle_of(bin), weight));
        let zero = std::iter::once((0.0, self.zero));
        let positive = self.positive.iter().map(|(bin, weight)| (middle_of(bin), weight));
        for (value, weight) in negative.chain(zero).chain(positive) {
            below += weight;
            if weight > 0.0 && below > rank {
                return value.clamp(self.min, self.max);
            }
        }
        self.max
    }

    /// Weight of the values at or below `bound`, exact at bin borders.
    pub fn count_at_most(&self, bound: f64) -> f64 {
        if bound >= self.max {
            return self.count;
        }
        let negative = self.negative.iter().map(|(bin, weight)| (-middle_of(bin), weight));
        let zero = std::iter::once((0.0, self.zero));
        let positive = self.positive.iter().map(|(bin, weight)| (middle_of(bin), weight));
        negative.chain(zero).chain(positive).filter(|(value, _)| *value <= bound).map(|(_, weight)| weight).sum()
    }

    /// Takes the histogram apart.
    pub fn to_parts(&self) -> HistogramParts {
        let bins = |bins: &Bins| bins.iter().filter(|(_, weight)| *weight > 0.0).collect();
        HistogramParts {
            positive: bins(&self.positive),
            negative: bins(&self.negative),
            zero: self.zero,
            count: self.count,
            sum: self.sum,
            min: self.min,
            max: self.max,
        }
    }

    /// Builds a histogram from parts that may come from anywhere: bins out of range, weights that are not above zero and
    /// totals that are not finite make it `None`.
    pub fn from_parts(parts: &HistogramParts) -> Option<Self> {
        let finite = [parts.zero, parts.count, parts.sum, parts.min, parts.max].iter().all(|v| v.is_finite());
        if !finite || parts.zero < 0.0 {
            return None;
        }
        let positive = Bins::from_pairs(&parts.positive)?;
        let negative = Bins::from_pairs(&parts.negative)?;
        let (count, weights) = (parts.count, positive.total() + negative.total() + parts.zero);
        let agrees = (count - weights).abs() <= 1e-6 * weights;
        if !weights.is_finite() || !agrees || (count > 0.0 && parts.min > parts.max) {
            return None;
        }
        Some(Self { positive, negative, zero: parts.zero, count, sum: parts.sum, min: parts.min, max: parts.max })
    }

    /// Bytes this histogram holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        (self.positive.weights.capacity() + self.negative.weights.capacity()) * size_of::<f64>()
    }
}

/// Bins with neighbouring indices, dense from `first`.
#[derive(Clone, Debug, Default)]
struct Bins {
    first: i32,
    weights: Vec<f64>,
}

impl Bins {
    fn add(&mut self, bin: i32, weight: f64) {
        let at = self.slot(bin);
        self.weights[at] += weight;
    }

    /// The position of `bin`, after growing to reach it and collapsing the lowest bins past the limit.
    fn slot(&mut self, bin: i32) -> usize {
        if self.weights.is_empty() {
            self.first = bin;
            self.weights.push(0.0);
            return 0;
        }
        if bin < self.first {
            let room = MAX_BINS - self.weights.len();
            let missing = ((self.first - bin) as usize).min(room);
            self.weights.splice(0..0, std::iter::repeat_n(0.0, missing));
            self.first -= missing as i32;
            return (bin - self.first).max(0) as usize;
        }
        let mut at = (bin - self.first) as usize;
        if at >= self.weights.len() {
            if at >= MAX_BINS {
                let excess = (at + 1 - MAX_BINS).min(self.weights.len());
                let collapsed: f64 = self.weights.drain(..excess).sum();
                self.first = bin - (MAX_BINS as i32 - 1);
                at = MAX_BINS - 1;
                self.weights.resize(MAX_BINS, 0.0);
                self.weights[0] += collapsed;
            } else {
                self.weights.resize(at + 1, 0.0);
            }
        }
        at
    }

    fn merge(&mut self, other: &Bins) {
        // From the top down, so that a collapse happens once and never undoes a bin already added.
        for (bin, weight) in other.iter().rev() {
            if weight > 0.0 {
                self.add(bin, weight);
            }
        }
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, f64)> + '_ {
        self.weights.iter().enumerate().map(|(i, &weight)| (self.first + i as i32, weight))
    }

    fn total(&self) -> f64 {
        self.weights.iter().sum()
    }

    fn from_pairs(pairs: &[(i32, f64)]) -> Option<Self> {
        let mut bins = Self::default();
        let Some((&(first, _), &(last, _))) = pairs.first().zip(pairs.last()) else { return Some(bins) };
        let in_range = |bin: i32| (-BIN_LIMIT..=BIN_LIMIT).contains(&bin);
        if !in_range(first) || !in_range(last) || last - first >= MAX_BINS as i32 {
            return None;
        }
        let mut previous = first - 1;
        for &(bin, weight) in pairs {
            if bin <= previous || bin > last || !weight.is_finite() || weight <= 0.0 {
                return None;
            }
            previous = bin;
        }
        bins.first = first;
        bins.weights = vec![0.0; (last - first + 1) as usize];
        for &(bin, weight) in pairs {
            bins.weights[(bin - first) as usize] = weight;
        }
        Some(bins)
    }
}

/// Equal when the same bins hold the same weights; zero bins at the edges are spare room.
impl PartialEq for Bins {
    fn eq(&self, other: &Self) -> bool {
        let filled = |bins: &Self| bins.iter().filter(|(_, weight)| *weight != 0.0).collect::<Vec<_>>();
        filled(self) == filled(other)
    }
}

/// f64::MAX has bin 35,485: no finite magnitude lies beyond.
const BIN_LIMIT: i32 = 36_000;

fn bin_of(magnitude: f64) -> i32 {
    (magnitude.ln() / *LN_GAMMA).ceil() as i32
}

/// The value that is within 1 % of everything in the bin.
fn middle_of(bin: i32) -> f64 {
    (f64::from(bin) * *LN_GAMMA).exp() * (1.0 - RELATIVE_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn histogram_of(values: &[f64]) -> Histogram {
        let mut histogram = Histogram::new();
        values.iter().for_each(|&v| histogram.insert(v));
        histogram
    }

    proptest! {
        #[test]
        fn quantiles_are_within_one_percent(mut values in prop::collection::vec(-1e6..1e6f64, 1..300), q in 0.0..=1.0f64) {
            let histogram = histogram_of(&values);
            values.sort_by(f64::total_cmp);
            let exact = values[(q * (values.len() - 1) as f64) as usize];
            let got = histogram.quantile(q);
            prop_assert!((got - exact).abs() <= RELATIVE_ERROR * exact.abs() * 1.0001 + MIN_MAGNITUDE, "{got} for {exact}");
        }

        #[test]
        fn merge_order_does_not_matter(a in prop::collection::vec(-1e3..1e9f64, 0..50), b in prop::collection::vec(-1e3..1e9f64, 0..50)) {
            let (a, b) = (histogram_of(&a), histogram_of(&b));
            let (mut ab, mut ba) = (a.clone(), b.clone());
            ab.merge(&b);
            ba.merge(&a);
            prop_assert_eq!(ab, ba);
        }

        #[test]
        fn parts_make_the_same_histogram(values in prop::collection::vec(-1e9..1e9f64, 0..100)) {
            let histogram = histogram_of(&values);
            prop_assert_eq!(Histogram::from_parts(&histogram.to_parts()), Some(histogram));
        }
    }

    #[test]
    fn weights_count_as_repeats() {
        let mut weighted = Histogram::new();
        weighted.insert_weighted(2.0, 3.0);
        weighted.insert_weighted(f64::NAN, 1.0);
        weighted.insert_weighted(1.0, 0.0);
        assert_eq!(weighted, histogram_of(&[2.0, 2.0, 2.0]));
    }

    #[test]
    fn a_range_past_the_limit_keeps_its_top_exact() {
        let mut histogram = histogram_of(&[1e-11, 1e-10, 1.0]);
        histogram.insert(1e300);
        assert_eq!(histogram.count(), 4.0);
        assert_eq!(histogram.positive.weights.len(), MAX_BINS);
        histogram.insert(1e-11);
        assert_eq!((histogram.count(), histogram.positive.total()), (5.0, 5.0));
        assert!((histogram.quantile(0.99) - 1.0).abs() > 0.5);
        assert_eq!(histogram.quantile(1.0), 1e300);
    }

    #[test]
    fn hostile_parts_are_refused() {
        let ok = histogram_of(&[1.0, 2.0]).to_parts();
        let check = |change: fn(&mut HistogramParts)| {
            let mut parts = ok.clone();
            change(&mut parts);
            assert_eq!(Histogram::from_parts(&parts), None, "{parts:?}");
        };
        check(|p| p.positive = vec![(0, 1.0), (i32::MAX, 1.0)]);
        check(|p| p.positive = vec![(2, 1.0), (1, 1.0)]);
        check(|p| p.positive = vec![(1, 1.0), (1, 1.0)]);
        check(|p| p.positive = vec![(1, f64::NAN)]);
        check(|p| p.negative = vec![(1, -1.0)]);
        check(|p| p.sum = f64::INFINITY);
        check(|p| p.zero = -1.0);
        check(|p| p.count = 3.0);
        check(|p| p.min = 3.0);
    }
}
