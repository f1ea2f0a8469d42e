//! The key section: labels that every series has once, then the rest of each key after what it shares with the last.

use weir_sample::{Kind, Series};

use crate::DecodeError;
use crate::bytes::{Input, put_text, put_varint};

/// Appends the plain key section of points that are sorted by their series.
pub(super) fn put<'a>(out: &mut Vec<u8>, points: impl Iterator<Item = (&'a Series, Kind)> + Clone) {
    let common = common_labels(points.clone().map(|(series, _)| series));
    put_varint(out, common.len() as u64);
    for (name, value) in &common {
        put_text(out, name);
        put_text(out, value);
    }
    put_varint(out, points.clone().count() as u64);
    let mut previous = String::new();
    for (series, _) in points.clone() {
        let rest = common.iter().fold(series.clone(), |series, (name, _)| series.with_label(name, ""));
        let key = rest.key();
        let shared = previous.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count();
        let shared = (0..=shared).rev().find(|&at| key.is_char_boundary(at)).unwrap_or(0);
        put_varint(out, shared as u64);
        put_text(out, &key[shared..]);
        key.clone_into(&mut previous);
    }
    out.extend(points.map(|(_, kind)| kind as u8));
}

/// Reads a plain key section.
pub(super) fn take(plain: &[u8]) -> Result<(Vec<Series>, Vec<Kind>), DecodeError> {
    let mut input = Input(plain);
    let labels = input.count()?;
    let mut common = Vec::with_capacity(labels.min(64));
    for _ in 0..labels {
        common.push((input.text()?, input.text()?));
    }
    let count = input.count()?;
    let (mut all, mut key, mut budget) = (Vec::with_capacity(count), String::new(), MAX_KEY_BYTES);
    for _ in 0..count {
        let shared = input.varint()?;
        if shared > key.len() as u64 || !key.is_char_boundary(shared as usize) {
            return Err(DecodeError::Malformed("shared length"));
        }
        key.truncate(shared as usize);
        key.push_str(input.text()?);
        budget = budget.checked_sub(key.len()).ok_or(DecodeError::TooLarge)?;
        let series = Series::from_key(&key).ok_or(DecodeError::Malformed("series"))?;
        all.push(common.iter().fold(series, |series, (name, value)| series.with_label(name, value)));
    }
    let kinds = input.bytes(count)?.iter().map(|&kind| Kind::from_u8(kind)).collect::<Option<_>>();
    Ok((all, kinds.ok_or(DecodeError::Malformed("kind"))?))
}

/// Front coding multiplies: keys may not unfold to more than this.
const MAX_KEY_BYTES: usize = 8 << 20;

/// Labels with the same value in every series.
fn common_labels<'a>(mut series: impl Iterator<Item = &'a Series>) -> Vec<(&'a str, &'a str)> {
    let Some(first) = series.next() else { return Vec::new() };
    let mut common: Vec<_> = first.labels().collect();
    for other in series {
        common.retain(|(name, value)| other.label(name) == Some(value));
    }
    common
}
