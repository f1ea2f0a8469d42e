//! A histogram as bytes, the same on the wire, in the queue and in the store.
//!
//! ```text
//! flags u8 · scale i8 or EXTENDED · [scale i8 · hint u8 · [how many bounds, and each f64]] · [unit f64] · [count f64]
//!       · sum · [min · max] · [zero threshold f64] · [weight at zero] · [weight of no number] · buckets above zero
//!       · [buckets below zero]                                                          (little-endian)
//! buckets: how many runs, and for each: gap and form (varint), [length − 2], weights
//! float: d u8 and the value times 10^d (zigzag varint), or RAW and eight bytes
//! weight: how many units (varint), or a float of eight bytes where they are no multiples of one
//! ```
//!
//! The gap of the first run is its index in zigzag form, of others what lies between. The count is there where it is not the sum
//! of the weights to the bit.

use std::sync::Arc;

use super::buckets::{Buckets, MAX_BUCKETS};
use super::scale::{LAST, MAX_SCALE, MIN_SCALE, border, coarser};
use super::{CUSTOM_BOUNDS, Histogram, ResetHint, ZERO_THRESHOLD};

/// In the place of a scale: what is no delta, or has bounds of its own, says more of itself.
const EXTENDED: u8 = 0x40;

const UNITS: u8 = 1;
const UNIT: u8 = 2;
const NEGATIVE: u8 = 4;
const ZERO: u8 = 8;
const UNRANGED: u8 = 16;
const THRESHOLD: u8 = 32;
const NO_NUMBERS: u8 = 64;
const COUNT: u8 = 128;

/// A run of one bucket that has one unit; of one with a weight; of several.
const ONE: u64 = 0;
const WEIGHTED: u64 = 1;
const SEVERAL: u64 = 2;

const RAW: u8 = 15;
const MOST_PLACES: u8 = 6;
/// Integers up to here are exact in a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Histogram {
    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let in_buckets = self.in_buckets();
        let no_numbers = self.count - in_buckets;
        // What rounding has left is nothing.
        let no_numbers = if self.sum.is_nan() && no_numbers > 1e-9 * self.count { no_numbers } else { 0.0 };
        let unit = self.unit(no_numbers);
        let given = |flag: u8, is: bool| if is { flag } else { 0 };
        let flags = given(UNITS, unit.is_some())
            | given(UNIT, unit.is_some_and(|unit| unit != 1.0))
            | given(NEGATIVE, self.negative.range().is_some())
            | given(ZERO, self.zero != 0.0)
            | given(UNRANGED, self.min.is_nan())
            | given(THRESHOLD, self.zero_threshold != ZERO_THRESHOLD)
            | given(NO_NUMBERS, no_numbers != 0.0)
            | given(COUNT, in_buckets + no_numbers != self.count);
        out.push(flags);
        self.put_kind(out);
        if flags & UNIT != 0 {
            out.extend(unit.unwrap_or(1.0).to_le_bytes());
        }
        if flags & COUNT != 0 {
            out.extend(self.count.to_le_bytes());
        }
        put_float(out, self.sum);
        if flags & UNRANGED == 0 {
            put_float(out, self.min);
            put_float(out, self.max);
        }
        if flags & THRESHOLD != 0 {
            out.extend(self.zero_threshold.to_le_bytes());
        }
        if flags & ZERO != 0 {
            put_weight(out, self.zero, unit);
        }
        if flags & NO_NUMBERS != 0 {
            put_weight(out, no_numbers, unit);
        }
        put_buckets(out, &self.positive, unit);
        if flags & NEGATIVE != 0 {
            put_buckets(out, &self.negative, unit);
        }
    }

    fn put_kind(&self, out: &mut Vec<u8>) {
        if self.hint == ResetHint::Delta && self.bounds.is_none() {
            return out.push(self.scale as u8);
        }
        out.extend([EXTENDED, self.scale as u8, self.hint as u8]);
        if let Some(bounds) = &self.bounds {
            put_varint(out, bounds.len() as u64);
            bounds.iter().for_each(|bound| out.extend(bound.to_le_bytes()));
        }
    }

    /// What all weights are multiples of: one, or the smallest of them.
    fn unit(&self, no_numbers: f64) -> Option<f64> {
        let weights = || {
            let buckets = self.positive.filled().chain(self.negative.filled()).map(|(_, weight)| weight);
            buckets.chain([self.zero, no_numbers]).filter(|weight| *weight != 0.0)
        };
        let fits = |unit: f64| weights().all(|weight| units(weight, unit).is_some());
        if fits(1.0) {
            return Some(1.0);
        }
        let smallest = weights().fold(f64::INFINITY, f64::min);
        Some(smallest).filter(|unit| fits(*unit))
    }

    /// Reads what [`Histogram::encode`] wrote from the front of `input`, which may come from anywhere.
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let [flags] = take(input)?;
        let (scale, hint, bounds) = kind(input)?;
        let unit = match flags & (UNITS | UNIT) {
            0 => None,
            UNITS => Some(1.0),
            UNIT => return None,
            _ => Some(f64::from_le_bytes(take(input)?)).filter(|unit| unit.is_finite() && *unit > 0.0),
        };
        if flags & UNIT != 0 && unit.is_none() {
            return None;
        }
        let count = if flags & COUNT != 0 { Some(f64::from_le_bytes(take(input)?)) } else { None };
        let sum = float(input)?;
        let (min, max) = if flags & UNRANGED == 0 { (float(input)?, float(input)?) } else { (f64::NAN, f64::NAN) };
        let zero_threshold = if flags & THRESHOLD != 0 { f64::from_le_bytes(take(input)?) } else { ZERO_THRESHOLD };
        let mut weight_if = |flag: u8| if flags & flag != 0 { weight(input, unit) } else { Some(0.0) };
        let (zero, no_numbers) = (weight_if(ZERO)?, weight_if(NO_NUMBERS)?);
        let positive = buckets(input, scale, unit)?;
        let negative = if flags & NEGATIVE != 0 { buckets(input, scale, unit)? } else { Buckets::default() };
        let mut read =
            Self { scale, hint, positive, negative, zero, zero_threshold, count: 0.0, sum, min, max, bounds };
        let weights = read.in_buckets() + no_numbers;
        read.count = count.unwrap_or(weights);
        // What is around zero and the buckets do not overlap.
        let lowest =
            [&read.positive, &read.negative].into_iter().filter_map(Buckets::range).map(|(first, _)| first).min();
        let is_sound = (read.bounds.is_some() || lowest.is_none_or(|first| border(first - 1, scale) >= zero_threshold))
            && read.is_sound()
            && weights.is_finite()
            && (read.count - weights).abs() <= 1e-6 * weights
            && (read.sum.is_nan() || no_numbers == 0.0)
            && (read.min <= read.max || read.min.is_nan() == read.max.is_nan() && read.min.is_nan());
        is_sound.then_some(read)
    }
}

/// Scale, hint and bounds.
type Kind = (i8, ResetHint, Option<Arc<[f64]>>);

fn kind(input: &mut &[u8]) -> Option<Kind> {
    let [mut scale] = take(input)?;
    let mut hint = ResetHint::Delta;
    if scale == EXTENDED {
        let [own, number] = take(input)?;
        (scale, hint) = (own, ResetHint::from_u8(number)?);
    }
    let scale = scale as i8;
    if scale == CUSTOM_BOUNDS {
        let count = varint(input)?;
        if count >= MAX_BUCKETS as u64 || count * 8 > input.len() as u64 {
            return None;
        }
        let bounds: Option<Arc<[f64]>> = (0..count).map(|_| take(input).map(f64::from_le_bytes)).collect();
        return Some((scale, hint, Some(bounds?)));
    }
    (MIN_SCALE..=MAX_SCALE).contains(&scale).then_some((scale, hint, None))
}

/// How many units a weight is, if that is exact.
fn units(weight: f64, unit: f64) -> Option<u64> {
    let units = (weight / unit).round();
    ((1.0..EXACT).contains(&units) && units * unit == weight).then_some(units as u64)
}

fn put_weight(out: &mut Vec<u8>, weight: f64, unit: Option<f64>) {
    match unit {
        Some(unit) => put_varint(out, units(weight, unit).unwrap_or(1)),
        None => out.extend(weight.to_le_bytes()),
    }
}

fn weight(input: &mut &[u8], unit: Option<f64>) -> Option<f64> {
    let weight = match unit {
        Some(unit) => varint(input)? as f64 * unit,
        None => f64::from_le_bytes(take(input)?),
    };
    (weight.is_finite() && weight > 0.0).then_some(weight)
}

fn put_buckets(out: &mut Vec<u8>, buckets: &Buckets, unit: Option<f64>) {
    let filled: Vec<_> = buckets.filled().collect();
    let is_one = |weight: f64| unit.is_some_and(|unit| units(weight, unit) == Some(1));
    let neighbours = filled.chunk_by(|one, next| one.0 + 1 == next.0);
    // Those with one unit are shorter one by one.
    let runs: Vec<&[(i32, f64)]> = neighbours
        .flat_map(|run| {
            let together = run.len() > 1 && run.iter().filter(|(_, weight)| !is_one(*weight)).count() > 2;
            run.chunks(if together { run.len() } else { 1 })
        })
        .collect();
    put_varint(out, runs.len() as u64);
    let mut next = None;
    for run in runs {
        let first = i64::from(run[0].0);
        let gap = next.map_or(zigzag(first), |next: i64| (first - next - 1) as u64);
        let form = if run.len() > 1 { SEVERAL } else { u64::from(!is_one(run[0].1)) };
        put_varint(out, gap << 2 | form);
        if form == SEVERAL {
            put_varint(out, run.len() as u64 - 2);
        }
        if form != ONE {
            run.iter().for_each(|(_, weight)| put_weight(out, *weight, unit));
        }
        next = Some(first + run.len() as i64 - 1);
    }
}

fn buckets(input: &mut &[u8], scale: i8, unit: Option<f64>) -> Option<Buckets> {
    let last = if scale == CUSTOM_BOUNDS { MAX_BUCKETS as i32 } else { coarser(LAST, (MAX_SCALE - scale) as u32) };
    let mut pairs = Vec::new();
    let mut next = None;
    for _ in 0..varint(input)? {
        let head = varint(input)?;
        let (gap, form) = (head >> 2, head & 3);
        let first = match next {
            None => unzigzag(gap),
            Some(next) => i64::checked_add(next, i64::try_from(gap).ok()?)?.checked_add(1)?,
        };
        let length = match form {
            ONE | WEIGHTED => 1,
            SEVERAL => varint(input)?.checked_add(2)?,
            _ => return None,
        };
        // A weight takes a byte at least.
        if form != ONE && length > input.len() as u64 {
            return None;
        }
        for at in 0..length as i64 {
            let index = i32::try_from(first.checked_add(at)?).ok().filter(|index| index.abs() <= last)?;
            pairs.push((index, if form == ONE { unit? } else { weight(input, unit)? }));
        }
        next = Some(first + length as i64 - 1);
    }
    Buckets::of(&pairs)
}

fn put_float(out: &mut Vec<u8>, value: f64) {
    for places in 0..=MOST_PLACES {
        let power = 10_f64.powi(places.into());
        let scaled = (value * power).round();
        if scaled.abs() < EXACT && (scaled / power).to_bits() == value.to_bits() {
            out.push(places);
            return put_varint(out, zigzag(scaled as i64));
        }
    }
    out.push(RAW);
    out.extend(value.to_le_bytes());
}

fn float(input: &mut &[u8]) -> Option<f64> {
    match take::<1>(input)? {
        [RAW] => Some(f64::from_le_bytes(take(input)?)),
        [places] if places <= MOST_PLACES => Some(unzigzag(varint(input)?) as f64 / 10_f64.powi(places.into())),
        _ => None,
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn varint(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(input)?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return (shift < 63 || byte < 2).then_some(number);
        }
    }
    None
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*head)
}
