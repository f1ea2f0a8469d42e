//! The window that stands in front of a payload: read, and set earlier, without a look at what follows.

use std::time::Duration;

use weir_sample::{Timestamp, Window};

use super::Totals;
use crate::DecodeError;
use crate::bytes::{Input, put_varint};

/// Reads the window; what follows it is left in the input.
pub(super) fn read(input: &mut Input<'_>) -> Result<Window, DecodeError> {
    let end = i64::try_from(input.varint()?).map_err(|_| DecodeError::Malformed("window"))?;
    let interval = u32::try_from(input.varint()?).map_err(|_| DecodeError::Malformed("interval"))?;
    if interval == 0 {
        return Err(DecodeError::Malformed("interval"));
    }
    Ok(Window::ending(Timestamp(end), interval))
}

/// The window that a payload is of; `None` if it is no payload.
pub fn window_of(payload: &[u8]) -> Option<Window> {
    read(&mut Input(payload)).ok()
}

/// The same payload for a window that is so much earlier, with another account; `None` if it is no payload, or there is no such
/// time.
pub fn moved_back(payload: &[u8], by: Duration, totals: &Totals) -> Option<Vec<u8>> {
    let mut input = Input(payload);
    let window = read(&mut input).ok()?;
    Totals::read(&mut input).ok()?;
    let mut moved = Vec::with_capacity(payload.len());
    put_varint(&mut moved, u64::try_from(window.end().minus(by).millis()).ok()?);
    put_varint(&mut moved, window.interval().as_millis() as u64);
    totals.put(&mut moved);
    moved.extend_from_slice(input.0);
    Some(moved)
}

#[cfg(test)]
mod tests {
    use weir_sample::{Series, Value};

    use super::*;
    use crate::{Batch, Encoder, decode};

    #[test]
    fn a_payload_that_is_moved_says_the_same_of_an_earlier_window() {
        let window = Window::ending(Timestamp::from_secs(1_700_000_010), 10_000);
        let totals = Totals { sealed_batches: 300, ..Totals::default() };
        let batch = Batch { window, totals, points: vec![(Series::named("done"), Value::Counter(7.0))] };
        let payload = Encoder::new().encode(&batch, usize::MAX).0.remove(0);
        assert_eq!(window_of(&payload), Some(window));
        // An end that takes fewer bytes, too.
        for by in [0, 60, 1_699_990_000] {
            let totals = Totals { sealed_batches: by, ..Totals::default() };
            let moved = moved_back(&payload, Duration::from_secs(by), &totals).unwrap();
            let expected = Window::ending(window.end().minus(Duration::from_secs(by)), 10_000);
            assert_eq!(decode(&moved).unwrap(), Batch { window: expected, totals, ..batch.clone() });
        }
        let too_early = moved_back(&payload, Duration::from_secs(2_000_000_000), &totals);
        assert_eq!((too_early, window_of(&[0xff])), (None, None));
    }
}
