//! Histograms of data points: with explicit bounds, and exponential ones.

use weir_sample::{Histogram, Parts, ResetHint, STALE};

use crate::native::MOST_EXACT;
use crate::protobuf::{
    Field, Fields, Malformed, WRONG_TYPE, double, message, packed_doubles, packed_varints, unzigzag,
};

/// Counts between bounds.
#[derive(Default)]
pub(super) struct Explicit {
    pub(super) count: u64,
    /// Left out where values below zero may have been observed.
    pub(super) sum: Option<f64>,
    counts: Vec<u64>,
    bounds: Vec<f64>,
}

/// Counts in buckets whose bounds are powers of a base.
#[derive(Default)]
pub(super) struct Exponential {
    count: u64,
    sum: f64,
    scale: i64,
    zero: u64,
    zero_threshold: f64,
    positive: Side,
    negative: Side,
}

/// Buckets of one sign, from an offset on.
#[derive(Default)]
struct Side {
    offset: i64,
    counts: Vec<u64>,
}

/// The finest scale that parts of a histogram may have; what is finer comes down to it.
const FINEST: i64 = 8;

impl Explicit {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut all = Self::default();
        for field in Fields(bytes) {
            match field? {
                (4, Field::Fixed64(count)) => all.count = count,
                (5, field) => all.sum = Some(double(field)?),
                // Fixed numbers lie as doubles do.
                (6, field) => packed_doubles(field, |bits| all.counts.push(bits.to_bits()))?,
                (7, field) => packed_doubles(field, |bound| all.bounds.push(bound))?,
                (4, _) => return Err(WRONG_TYPE),
                _ => {}
            }
        }
        Ok(all)
    }

    /// Each bound as a label has it and what is at most that; `None` if counts and bounds contradict each other.
    pub(super) fn cumulative(&self) -> Option<Vec<(String, f64)>> {
        let is_rising = self.bounds.windows(2).all(|pair| pair[0] < pair[1]);
        let has_no_buckets = self.counts.is_empty() && self.bounds.is_empty();
        let fits = has_no_buckets || self.counts.len() == self.bounds.len() + 1;
        if !is_rising || !fits || self.bounds.iter().any(|bound| bound.is_nan() || *bound == f64::INFINITY) {
            return None;
        }
        let mut sum = 0_u64;
        let mut buckets = Vec::with_capacity(self.bounds.len() + 1);
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            sum = sum.checked_add(*count)?;
            buckets.push((bound.to_string(), sum as f64));
        }
        let all = sum.checked_add(self.counts.last().copied().unwrap_or(self.count))?;
        buckets.push(("+Inf".to_owned(), all as f64));
        (all == self.count).then_some(buckets)
    }
}

impl Exponential {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut all = Self::default();
        for field in Fields(bytes) {
            match field? {
                (4, Field::Fixed64(count)) => all.count = count,
                (5, field) => all.sum = double(field)?,
                (6, Field::Varint(scale)) => all.scale = unzigzag(scale),
                (7, Field::Fixed64(count)) => all.zero = count,
                (8, field) => all.positive = Side::read(message(field)?)?,
                (9, field) => all.negative = Side::read(message(field)?)?,
                (14, field) => all.zero_threshold = double(field)?,
                (4 | 6 | 7, _) => return Err(WRONG_TYPE),
                _ => {}
            }
        }
        Ok(all)
    }

    /// The histogram, if anything can have been counted so. One that is stale says only that its series has ended.
    pub(super) fn histogram(&self, is_stale: bool) -> Option<Histogram> {
        if is_stale {
            return parts(0, STALE).histogram();
        }
        if [self.count, self.zero].into_iter().any(|count| count > MOST_EXACT) {
            return None;
        }
        let finer = u32::try_from((self.scale - FINEST).max(0)).ok()?;
        let of = parts(i8::try_from(self.scale.min(FINEST)).ok()?, self.sum);
        let parts = Parts {
            zero_threshold: self.zero_threshold,
            zero: self.zero as f64,
            count: self.count as f64,
            positive: self.positive.buckets(finer)?,
            negative: self.negative.buckets(finer)?,
            ..of
        };
        parts.histogram().map(Histogram::settled).filter(Histogram::is_sound)
    }
}

fn parts(scale: i8, sum: f64) -> Parts {
    let (hint, zero_threshold, zero, count) = (ResetHint::Unknown, 0.0, 0.0, 0.0);
    let (positive, negative, bounds) = Default::default();
    Parts { scale, hint, zero_threshold, zero, count, sum, positive, negative, bounds }
}

impl Side {
    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut side = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, Field::Varint(offset)) => side.offset = unzigzag(offset),
                (1, _) => return Err(WRONG_TYPE),
                (2, field) => packed_varints(field, |count| side.counts.push(count))?,
                _ => {}
            }
        }
        Ok(side)
    }

    /// Indices as Prometheus has them, so many scales down. OpenTelemetry's bucket `i` is above `base^i`, Prometheus' `i` ends there.
    fn buckets(&self, finer: u32) -> Option<Vec<(i32, f64)>> {
        let mut buckets: Vec<(i32, f64)> = Vec::new();
        for (place, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let index = self.offset.checked_add(place as i64)?;
            let index = i32::try_from(index.checked_shr(finer).unwrap_or(index >> 63).checked_add(1)?).ok()?;
            match buckets.last_mut().filter(|(last, _)| *last == index) {
                Some((_, sum)) => *sum += count as f64,
                None => buckets.push((index, count as f64)),
            }
        }
        Some(buckets)
    }
}
