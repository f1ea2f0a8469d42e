//! Exemplars of a data point, each given to the series that it is shown for.

use std::borrow::Cow;
use std::fmt::Write;

use super::labels::{Labels, own};
use super::names::Strategy;
use crate::protobuf::{Field, Fields, Malformed, WRONG_TYPE, double, message};
use crate::{Exemplar, Point};

/// Reads an exemplar. Attributes that its point lacks are labels, and so are the trace and the span.
pub(super) fn read(bytes: &[u8], strategy: Strategy) -> Result<Exemplar<'_>, Malformed> {
    let (mut exemplar, mut attributes) = (Exemplar { time: None, value: 0.0, labels: Vec::new() }, Vec::new());
    let (mut trace, mut span): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields(bytes) {
        match field? {
            (2, Field::Fixed64(nanos)) => exemplar.time = Some((nanos / NANOS_IN_MILLI) as i64),
            (3, field) => exemplar.value = double(field)?,
            (4, field) => span = message(field)?,
            (5, field) => trace = message(field)?,
            (6, Field::Fixed64(bits)) => exemplar.value = bits as i64 as f64,
            (7, field) => attributes.push(message(field)?),
            (2 | 6, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    let mut labels: Labels<'_> = own(&attributes, strategy)?;
    for (name, id, length) in [("trace_id", trace, TRACE_BYTES), ("span_id", span, SPAN_BYTES)] {
        if let Some(id) = hex(id, length) {
            labels.push((Cow::Borrowed(name), id));
        }
    }
    exemplar.labels = labels;
    Ok(exemplar)
}

/// Which of a point's series an exemplar is shown for: of a classic histogram the bucket that it fell into.
pub(super) fn place<'p, 'a>(value: f64, points: &'p [Point<'a>]) -> Option<&'p Point<'a>> {
    let bound = |point: &Point<'_>| {
        let (_, bound) = point.labels.iter().find(|(name, _)| name == "le")?;
        bound.parse::<f64>().ok()
    };
    let bucket = points.iter().find(|point| bound(point).is_some_and(|bound| value <= bound));
    bucket.or_else(|| points.first().filter(|_| points.len() == 1))
}

const NANOS_IN_MILLI: u64 = 1_000_000;
const TRACE_BYTES: usize = 16;
const SPAN_BYTES: usize = 8;

/// An id as it is shown: of so many bytes, or, as JSON has it, in hexadecimal digits already. One of zeros is none.
fn hex(id: &[u8], bytes: usize) -> Option<Cow<'_, str>> {
    if id.len() == 2 * bytes {
        let text = std::str::from_utf8(id).ok().filter(|text| text.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        return text.bytes().any(|digit| digit != b'0').then_some(Cow::Borrowed(text));
    }
    if id.len() != bytes || id.iter().all(|byte| *byte == 0) {
        return None;
    }
    let mut text = String::with_capacity(2 * bytes);
    id.iter().for_each(|byte| _ = write!(text, "{byte:02x}"));
    Some(Cow::Owned(text))
}
