//! A histogram as endpoints have it: classic buckets, native ones, or both.

use weir_sample::{Histogram, ResetHint};

use crate::native::{MOST_EXACT, Native};
use crate::protobuf::{Field, Fields, Malformed, WRONG_TYPE, double, message, unzigzag, whole};

/// What is known of one.
#[derive(Default)]
pub(super) struct Bars {
    /// Upper ends, and how many lie below each.
    pub(super) classic: Vec<(f64, f64)>,
    pub(super) count: f64,
    pub(super) sum: f64,
    native: Native,
    /// There is a schema for native buckets, even if nothing is in them.
    pub(super) is_native: bool,
}

impl Bars {
    /// The native histogram, if it is one.
    pub(super) fn native(self) -> Option<Result<Histogram, Malformed>> {
        let native = Native { count: self.count, sum: self.sum, ..self.native };
        self.is_native.then(|| native.histogram().ok_or(Malformed("no histogram can have been counted so")))
    }
}

pub(super) fn read_histogram(bytes: &[u8], is_gauge: bool) -> Result<Bars, Malformed> {
    let mut bars = Bars::default();
    let native = &mut bars.native;
    native.hint = if is_gauge { ResetHint::Gauge } else { ResetHint::Unknown };
    for field in Fields(bytes) {
        let (number, field) = field?;
        // As Prometheus tells them apart: something is around zero, or there is a span, if only an empty one.
        bars.is_native |= match (number, field) {
            (6 | 8, Field::Fixed64(bits)) => f64::from_bits(bits) > 0.0,
            (7, Field::Varint(count)) => count > 0,
            (9 | 12, _) => true,
            _ => false,
        };
        match (number, field) {
            (1 | 7, Field::Varint(count)) if count > MOST_EXACT => {
                return Err(Malformed("more was counted than a float tells apart"));
            }
            (1, field) => bars.count = whole(field)? as f64,
            (2, field) => bars.sum = double(field)?,
            (3, field) => bars.classic.push(read_bucket(message(field)?)?),
            (4, field) => bars.count = double(field)?,
            (5, Field::Varint(schema)) => native.schema = unzigzag(schema),
            (6, field) => native.zero_threshold = double(field)?,
            (7, field) => native.zero = whole(field)? as f64,
            (8, field) => native.zero = double(field)?,
            (9, field) => native.negative.span(field)?,
            (10, field) => native.negative.deltas(field)?,
            (11, field) => native.negative.counts(field)?,
            (12, field) => native.positive.span(field)?,
            (13, field) => native.positive.deltas(field)?,
            (14, field) => native.positive.counts(field)?,
            (5, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    Ok(bars)
}

fn read_bucket(bytes: &[u8]) -> Result<(f64, f64), Malformed> {
    let (mut bound, mut count) = (0.0, 0.0);
    for field in Fields(bytes) {
        match field? {
            (1, field) => count = whole(field)? as f64,
            (2, field) => bound = double(field)?,
            (4, field) => count = double(field)?,
            _ => {}
        }
    }
    Ok((bound, count))
}
