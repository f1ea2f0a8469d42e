//! A native histogram as remote write has it.

use weir_sample::{Histogram, ResetHint};

use super::Refused;
use crate::native::Native;
use crate::protobuf::{Field, Fields, WRONG_TYPE, message, packed_doubles, packed_varints, unzigzag};

/// Time in milliseconds and the histogram; `None` in its place where nothing can have been counted so.
///
/// # Errors
/// It is none.
pub fn read_histogram(bytes: &[u8]) -> Result<(i64, Option<Histogram>), Refused> {
    let (mut native, mut time) = (Native::default(), 0);
    for field in Fields(bytes) {
        match field? {
            (1 | 6, Field::Varint(count)) if count > MOST_EXACT => return Ok((time, None)),
            (1, Field::Varint(count)) => native.count = count as f64,
            (2, Field::Fixed64(bits)) => native.count = f64::from_bits(bits),
            (3, Field::Fixed64(bits)) => native.sum = f64::from_bits(bits),
            (4, Field::Varint(schema)) => native.schema = unzigzag(schema),
            (5, Field::Fixed64(bits)) => native.zero_threshold = f64::from_bits(bits),
            (6, Field::Varint(count)) => native.zero = count as f64,
            (7, Field::Fixed64(bits)) => native.zero = f64::from_bits(bits),
            (8, field) => native.negative.spans.push(span(message(field)?)?),
            (9, field) => packed_varints(field, |delta| native.negative.deltas.push(unzigzag(delta)))?,
            (10, field) => packed_doubles(field, |count| native.negative.counts.push(count))?,
            (11, field) => native.positive.spans.push(span(message(field)?)?),
            (12, field) => packed_varints(field, |delta| native.positive.deltas.push(unzigzag(delta)))?,
            (13, field) => packed_doubles(field, |count| native.positive.counts.push(count))?,
            (14, Field::Varint(hint)) => native.hint = hint_of(hint),
            (15, Field::Varint(millis)) => time = millis as i64,
            (16, field) => packed_doubles(field, |bound| native.bounds.push(bound))?,
            (1..=7 | 14 | 15, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok((time, native.histogram()))
}

/// Counts up to here are exact in a float.
const MOST_EXACT: u64 = 1 << 53;

fn hint_of(number: u64) -> ResetHint {
    match number {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

/// How far behind the bucket before, and how many.
fn span(bytes: &[u8]) -> Result<(i64, u64), Refused> {
    let mut span = (0, 0);
    for field in Fields(bytes) {
        match field? {
            (1, Field::Varint(offset)) => span.0 = unzigzag(offset),
            (2, Field::Varint(length)) => span.1 = length,
            (1 | 2, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok(span)
}
