//! An observation that is shown for many.

use super::label::read_label;
use crate::Exemplar;
use crate::protobuf::{Fields, Malformed, double, message, whole};
use crate::text::named_twice;

/// `None` if it names a label twice, or says a time that is none: it costs no sample.
pub(super) fn read_exemplar(bytes: &[u8]) -> Result<Option<Exemplar<'_>>, Malformed> {
    let mut exemplar = Exemplar { time: None, value: 0.0, labels: Vec::new() };
    for field in Fields(bytes) {
        match field? {
            (1, field) => exemplar.labels.push(read_label(message(field)?)?),
            (2, field) => exemplar.value = double(field)?,
            (3, field) => match read_time(message(field)?)? {
                Some(time) => exemplar.time = Some(time),
                None => return Ok(None),
            },
            _ => {}
        }
    }
    Ok(Some(exemplar).filter(|exemplar| !named_twice(&exemplar.labels)))
}

/// Seconds and nanoseconds since 1970, in milliseconds.
fn read_time(bytes: &[u8]) -> Result<Option<i64>, Malformed> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    for field in Fields(bytes) {
        match field? {
            (1, field) => seconds = whole(field)? as i64,
            (2, field) => nanos = whole(field)? as i64,
            _ => {}
        }
    }
    Ok(seconds.checked_mul(1_000).and_then(|millis| millis.checked_add(nanos / 1_000_000)))
}
