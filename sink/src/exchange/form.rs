//! What one sink tells the owner of shared series, as bytes.
//!
//! ```text
//! 0 u8 · until when all windows were told i64 (ms)
//! 1 u8 · batch: length u32 and bytes · when each of its points was received i64 (ms)
//! ```

use std::collections::HashMap;

use weir_queue::MAX_PAYLOAD_BYTES;
use weir_sample::{Series, Timestamp, Window};
use weir_wire::{Batch, Encoder, Totals, decode};

use crate::partials::Part;

/// What was told.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// All windows that end by then have been told.
    Until(Timestamp),
    /// Parts of one window.
    Parts(Window, Vec<(Series, Part)>),
}

const UNTIL: u8 = 0;
const PARTS: u8 = 1;

/// Room for what stands around a batch.
const AROUND: usize = 4 << 10;

/// A few series at a time: sets and histograms may be large.
const TOGETHER: usize = 256;

/// The payloads of a closed window's parts.
pub(super) fn payloads(window: Window, parts: &[(&Series, &Part)]) -> Vec<Vec<u8>> {
    parts.chunks(TOGETHER).flat_map(|parts| halved(window, parts)).collect()
}

/// As one, or where that is too large as two halves. A single series is far smaller than a record may be.
fn halved(window: Window, parts: &[(&Series, &Part)]) -> Vec<Vec<u8>> {
    let payload = payload(window, parts);
    if payload.len() + AROUND <= MAX_PAYLOAD_BYTES || parts.len() < 2 {
        return vec![payload];
    }
    let (first, second) = parts.split_at(parts.len() / 2);
    [halved(window, first), halved(window, second)].concat()
}

fn payload(window: Window, parts: &[(&Series, &Part)]) -> Vec<u8> {
    let points = parts.iter().map(|(series, part)| ((*series).clone(), part.value.clone())).collect();
    let batch = Batch { window, totals: Totals::default(), points };
    // Without a bound on its size a batch is one payload.
    let bytes = Encoder::new().encode(&batch, usize::MAX).0.swap_remove(0);
    let mut out = vec![PARTS];
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
    // A batch has its points in the order of their series.
    let mut times: HashMap<&Series, Timestamp> = parts.iter().map(|(series, part)| (*series, part.at)).collect();
    let mut series: Vec<&Series> = times.keys().copied().collect();
    series.sort_unstable();
    series.iter().for_each(|series| out.extend(times.remove(series).unwrap_or_default().0.to_le_bytes()));
    out
}

/// A payload that says how far its sender is.
pub(super) fn marker(until: Timestamp) -> Vec<u8> {
    [&[UNTIL][..], &until.0.to_le_bytes()].concat()
}

pub(super) fn read(payload: &[u8]) -> Option<Told> {
    match payload.split_first()? {
        (&UNTIL, rest) => Some(Told::Until(Timestamp(i64::from_le_bytes(rest.try_into().ok()?)))),
        (&PARTS, rest) => read_parts(rest),
        _ => None,
    }
}

fn read_parts(rest: &[u8]) -> Option<Told> {
    let (length, rest) = rest.split_first_chunk()?;
    let (batch, times) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (batch, (times, left)) = (decode(batch).ok()?, times.as_chunks::<8>());
    if times.len() != batch.points.len() || !left.is_empty() {
        return None;
    }
    let times = times.iter().map(|time| Timestamp(i64::from_le_bytes(*time)));
    let parts = batch.points.into_iter().zip(times).map(|((series, value), at)| (series, Part { value, at })).collect();
    Some(Told::Parts(batch.window, parts))
}

#[cfg(test)]
mod tests {
    use weir_sample::{Histogram, Value};

    use super::*;

    #[test]
    fn parts_come_back_with_their_times_in_payloads_that_fit() {
        let window = Window::ending(Timestamp::from_secs(20), 10_000);
        let value = |at: usize| {
            let mut histogram = Histogram::new();
            (0..at % 900).for_each(|n| histogram.insert(1.01_f64.powi(n as i32) * 1e-3));
            if at.is_multiple_of(3) { Value::Gauge(at as f64) } else { Value::Distribution(Box::new(histogram)) }
        };
        let part = |at: usize| {
            let series = Series::new("t", [("n", at.to_string().as_str())]);
            (series, Part { value: value(at), at: Timestamp(at as i64) })
        };
        let parts: Vec<(Series, Part)> = (0..2_000).map(part).collect();
        let of: Vec<(&Series, &Part)> = parts.iter().map(|(series, part)| (series, part)).collect();
        let payloads = payloads(window, &of);
        assert!(payloads.iter().all(|payload| payload.len() < MAX_PAYLOAD_BYTES));
        let mut back = Vec::new();
        for payload in &payloads {
            let Some(Told::Parts(of, parts)) = read(payload) else { panic!("{payload:?}") };
            assert_eq!(of, window);
            back.extend(parts);
        }
        let sorted = |mut parts: Vec<(Series, Part)>| {
            parts.sort_by(|a, b| a.0.cmp(&b.0));
            parts
        };
        assert_eq!(sorted(back), sorted(parts));
        assert_eq!(read(&marker(Timestamp(7))), Some(Told::Until(Timestamp(7))));
        assert!((0..payloads[0].len()).all(|cut| read(&payloads[0][..cut]).is_none()));
    }
}
