//! A native histogram as remote write has it.

use weir_sample::{Histogram, ResetHint};

use super::Refused;
use crate::native::{MOST_EXACT, Native};
use crate::protobuf::{Field, Fields, WRONG_TYPE, packed_doubles, unzigzag};

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
            (8, field) => native.negative.span(field)?,
            (9, field) => native.negative.deltas(field)?,
            (10, field) => native.negative.counts(field)?,
            (11, field) => native.positive.span(field)?,
            (12, field) => native.positive.deltas(field)?,
            (13, field) => native.positive.counts(field)?,
            (14, Field::Varint(hint)) => native.hint = hint_of(hint),
            (15, Field::Varint(millis)) => time = millis as i64,
            (16, field) => packed_doubles(field, |bound| native.bounds.push(bound))?,
            (1..=7 | 14 | 15, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok((time, native.histogram()))
}

fn hint_of(number: u64) -> ResetHint {
    match number {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}
