//! An exemplar as remote write has it: in 1.0 with its labels, in 2.0 with their places in the table of strings.

use std::borrow::Cow;

use super::{Refused, read_label};
use crate::Exemplar;
use crate::protobuf::{Field, Fields, WRONG_TYPE, message, packed_varints};

/// Labels of an exemplar, at most: more are over what OpenMetrics lets it have, whatever they are.
const MOST_LABELS: usize = 64;

/// Reads an exemplar of 1.0.
///
/// # Errors
/// It is none.
pub fn read_exemplar(bytes: &[u8]) -> Result<Exemplar<'_>, Refused> {
    let mut exemplar = numbers(bytes)?;
    for field in Fields(bytes) {
        if let (1, field) = field? {
            let (name, value) = read_label(message(field)?)?;
            put(&mut exemplar, name, value)?;
        }
    }
    Ok(exemplar)
}

/// Reads an exemplar of 2.0.
pub(super) fn read_second<'a>(bytes: &[u8], symbols: &[Option<&'a str>]) -> Result<Exemplar<'a>, Refused> {
    let (mut exemplar, mut places) = (numbers(bytes)?, Vec::new());
    for field in Fields(bytes) {
        if let (1, field) = field? {
            packed_varints(field, |at| places.push(at))?;
        }
    }
    let symbol = |at: u64| usize::try_from(at).ok().and_then(|at| symbols.get(at)).copied().flatten();
    let (pairs, rest) = places.as_chunks::<2>();
    for pair in pairs {
        let (Some(name), Some(value)) = (symbol(pair[0]), symbol(pair[1])) else { return Err(NO_SYMBOL) };
        put(&mut exemplar, name, value)?;
    }
    if rest.is_empty() { Ok(exemplar) } else { Err(NO_SYMBOL) }
}

const NO_SYMBOL: Refused =
    Refused::Protobuf("a label of an exemplar is at a place that the table of symbols does not have");

fn put<'a>(exemplar: &mut Exemplar<'a>, name: &'a str, value: &'a str) -> Result<(), Refused> {
    if exemplar.labels.len() >= MOST_LABELS {
        return Err(Refused::Protobuf("an exemplar has too many labels"));
    }
    exemplar.labels.push((Cow::Borrowed(name), Cow::Borrowed(value)));
    Ok(())
}

/// Value and time, which both versions have at the same places.
fn numbers<'a>(bytes: &[u8]) -> Result<Exemplar<'a>, Refused> {
    let mut exemplar = Exemplar { time: Some(0), value: 0.0, labels: Vec::new() };
    for field in Fields(bytes) {
        match field? {
            (2, Field::Fixed64(bits)) => exemplar.value = f64::from_bits(bits),
            (3, Field::Varint(millis)) => exemplar.time = Some(millis as i64),
            (2 | 3, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok(exemplar)
}
