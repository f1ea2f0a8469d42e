//! A histogram from parts that came from elsewhere.

use std::sync::Arc;

use super::buckets::{Buckets, MAX_BUCKETS};
use super::scale::{LAST, MAX_SCALE, MIN_SCALE, coarser};
use super::{Histogram, ResetHint};

/// The scale of a histogram whose buckets end at bounds of its own; Prometheus' schema for them.
pub const CUSTOM_BOUNDS: i8 = -53;

/// The finest scale that is taken; what is finer than [`MAX_SCALE`] comes down to it.
const FINEST: i8 = 8;

/// What a histogram is made of. Buckets are `(index, weight)` in rising order, an index as in Prometheus: bucket `i` ends at
/// `base^i`, or at the bound `i` of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// Prometheus' schema.
    pub scale: i8,
    /// How it stands to the one before.
    pub hint: ResetHint,
    /// Magnitudes that count as zero.
    pub zero_threshold: f64,
    /// Weight of what counts as zero.
    pub zero: f64,
    /// Total weight.
    pub count: f64,
    /// Sum of all values times their weights.
    pub sum: f64,
    /// Buckets above zero, or all that end at bounds of their own.
    pub positive: Vec<(i32, f64)>,
    /// Buckets below zero, by magnitude.
    pub negative: Vec<(i32, f64)>,
    /// Upper bounds in rising order, without the infinite one, for [`CUSTOM_BOUNDS`].
    pub bounds: Vec<f64>,
}

impl Parts {
    /// The histogram of these parts; `None` if they are out of order, or their scale is none.
    pub fn histogram(self) -> Option<Histogram> {
        let is_custom = self.scale == CUSTOM_BOUNDS;
        if !is_custom && !(MIN_SCALE..=FINEST).contains(&self.scale) {
            return None;
        }
        let finer = if is_custom { 0 } else { (self.scale - MAX_SCALE).max(0) };
        let scale = self.scale - finer;
        let (mut positive, mut negative) =
            (in_order(&self.positive, finer as u32)?, in_order(&self.negative, finer as u32)?);
        let bounds = is_custom.then(|| Arc::from(self.bounds.as_slice()));
        let (mut by, span) = (0, |pairs: &[(i32, f64)]| {
            pairs.first().zip(pairs.last()).map_or(0, |(first, last)| i64::from(last.0) - i64::from(first.0))
        });
        while span(&positive).max(span(&negative)) >= MAX_BUCKETS as i64 {
            if scale - by <= MIN_SCALE {
                return None;
            }
            (by, positive, negative) = (by + 1, in_order(&positive, 1)?, in_order(&negative, 1)?);
        }
        let buckets = |pairs: &[(i32, f64)]| {
            let mut buckets = Buckets::default();
            pairs.iter().for_each(|&(index, weight)| buckets.add(index, weight));
            buckets
        };
        Some(Histogram {
            scale: scale - by,
            hint: self.hint,
            positive: buckets(&positive),
            negative: buckets(&negative),
            zero: self.zero,
            zero_threshold: self.zero_threshold,
            count: self.count,
            sum: self.sum,
            min: f64::NAN,
            max: f64::NAN,
            bounds,
        })
    }
}

/// Buckets so many scales down; `None` if they do not rise.
fn in_order(pairs: &[(i32, f64)], by: u32) -> Option<Vec<(i32, f64)>> {
    let is_rising = pairs.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let mut joined: Vec<(i32, f64)> = Vec::with_capacity(pairs.len());
    for &(index, weight) in pairs.iter().filter(|(_, weight)| *weight != 0.0) {
        let index = if by == 0 { index } else { coarser(index, by) };
        match joined.last_mut().filter(|(last, _)| *last == index) {
            Some((_, sum)) => *sum += weight,
            None => joined.push((index, weight)),
        }
    }
    is_rising.then_some(joined)
}

impl Histogram {
    /// What it is made of, for whoever writes it as another system has it. Smallest and largest value are not among it.
    pub fn parts(&self) -> Parts {
        Parts {
            scale: if self.bounds.is_some() { CUSTOM_BOUNDS } else { self.scale },
            hint: self.hint,
            zero_threshold: self.zero_threshold,
            zero: self.zero,
            count: self.count,
            sum: self.sum,
            positive: self.positive.filled().collect(),
            negative: self.negative.filled().collect(),
            bounds: self.bounds.as_deref().unwrap_or_default().to_vec(),
        }
    }

    /// With a threshold of zero that cuts no bucket: one that is cut counts as zero.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if self.bounds.is_none() && self.zero_threshold.is_finite() {
            let threshold = std::mem::replace(&mut self.zero_threshold, 0.0);
            self.widen_zero(threshold);
        }
        self
    }

    /// Whether it may have been counted: no weight is below zero or no number, the count is that of its buckets, and its bounds
    /// rise. What comes from elsewhere is asked before it is kept.
    pub fn is_sound(&self) -> bool {
        let weights = || self.positive.filled().chain(self.negative.filled()).map(|(_, weight)| weight);
        let bounds = self.bounds.as_deref().unwrap_or_default();
        let (first, last) = self.positive.range().unwrap_or_default();
        let within = match &self.bounds {
            Some(bounds) => first >= 0 && last as usize <= bounds.len() && bounds.len() < MAX_BUCKETS,
            None => [&self.positive, &self.negative].into_iter().filter_map(Buckets::range).all(|(first, last)| {
                let most = coarser(LAST, (MAX_SCALE - self.scale) as u32);
                first >= -most && last <= most
            }),
        };
        let rising = bounds.windows(2).all(|pair| pair[0] < pair[1]) && bounds.iter().all(|bound| bound.is_finite());
        let in_buckets = self.in_buckets();
        weights().chain([self.zero, self.zero_threshold]).all(|weight| weight.is_finite() && weight >= 0.0)
            && self.count.is_finite()
            && (self.count >= in_buckets - 1e-6 * in_buckets)
            && (self.sum.is_nan() || self.count <= in_buckets + 1e-6 * in_buckets)
            && within
            && rising
            && (self.bounds.is_none() || self.zero == 0.0 && self.negative.range().is_none())
    }
}
