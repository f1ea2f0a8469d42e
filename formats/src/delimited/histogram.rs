//! A histogram as endpoints have it: classic buckets, native ones, or both.

use weir_sample::{Histogram, ResetHint};

use super::bounds::with_bounds;
use super::exemplar::read_exemplar;
use crate::Exemplar;
use crate::native::{MOST_EXACT, Native};
use crate::protobuf::{Field, Fields, Malformed, WRONG_TYPE, double, message, unzigzag, whole};

/// What is known of one.
#[derive(Default)]
pub(super) struct Bars<'a> {
    pub(super) classic: Vec<Bar<'a>>,
    pub(super) count: f64,
    pub(super) sum: f64,
    native: Native,
    exemplars: Vec<Exemplar<'a>>,
    /// There is a schema for native buckets, even if nothing is in them.
    pub(super) is_native: bool,
}

/// A classic bucket.
pub(super) struct Bar<'a> {
    /// Its upper end.
    pub(super) bound: f64,
    /// All that lies below that.
    pub(super) count: f64,
    pub(super) exemplar: Option<Exemplar<'a>>,
}

impl<'a> Bars<'a> {
    /// The native histogram that it is.
    pub(super) fn take_native(&mut self) -> Result<Histogram, Malformed> {
        let native = Native { count: self.count, sum: self.sum, ..std::mem::take(&mut self.native) };
        native.histogram().ok_or(Malformed("no histogram can have been counted so"))
    }

    /// A native histogram with the bounds of the classic buckets, if these can have been counted so.
    pub(super) fn converted(&self) -> Option<Histogram> {
        let buckets = self.classic.iter().map(|bar| (bar.bound, bar.count)).collect();
        with_bounds(buckets, self.count, self.sum)
    }

    /// What is shown of it as a whole: its own exemplars, else those of its buckets that say a time.
    pub(super) fn native_exemplars(&mut self) -> Vec<Exemplar<'a>> {
        if !self.exemplars.is_empty() {
            return std::mem::take(&mut self.exemplars);
        }
        let of_buckets = self.classic.iter().filter_map(|bar| bar.exemplar.clone());
        of_buckets.filter(|exemplar| exemplar.time.is_some()).collect()
    }
}

pub(super) fn read_histogram(bytes: &[u8], is_gauge: bool) -> Result<Bars<'_>, Malformed> {
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
            (16, field) => bars.exemplars.extend(read_exemplar(message(field)?)?),
            (5, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    Ok(bars)
}

fn read_bucket(bytes: &[u8]) -> Result<Bar<'_>, Malformed> {
    let mut bar = Bar { bound: 0.0, count: 0.0, exemplar: None };
    for field in Fields(bytes) {
        match field? {
            (1, field) => bar.count = whole(field)? as f64,
            (2, field) => bar.bound = double(field)?,
            (3, field) => bar.exemplar = read_exemplar(message(field)?)?,
            (4, field) => bar.count = double(field)?,
            _ => {}
        }
    }
    Ok(bar)
}
