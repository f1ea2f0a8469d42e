//! One event in a file of its day.
//!
//! ```text
//! 0 length of what follows the checksum u32   4 checksum u64   12 time i64 (ms)   20 received i64 (ms)   28 id u64
//! 36 event, as in a batch …                                                             (little-endian)
//! ```

use weir_sample::{Event, Timestamp};
use weir_wire::put_event;
use xxhash_rust::xxh3::xxh3_64;

/// What stands before the event itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// When it was.
    pub time: Timestamp,
    pub received: Timestamp,
    pub id: u64,
}

/// A sound frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// Where it begins.
    pub at: u64,
    pub head: Head,
    pub event: &'a [u8],
}

const CHECKED_FROM: usize = 12;
const HEAD_BYTES: usize = 36;

impl Head {
    /// Appends a frame.
    pub(super) fn put(&self, event: &Event, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend([0; CHECKED_FROM]);
        out.extend(self.time.0.to_le_bytes());
        out.extend(self.received.0.to_le_bytes());
        out.extend(self.id.to_le_bytes());
        put_event(out, event);
        let length = (out.len() - begin - CHECKED_FROM) as u32;
        let checksum = xxh3_64(&out[begin + CHECKED_FROM..]);
        out[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
        out[begin + 4..begin + CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The frames of a file, up to the first that is cut or damaged.
pub(super) fn frames(bytes: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
        let frame = rest.get(..CHECKED_FROM.checked_add(length)?).filter(|frame| frame.len() >= HEAD_BYTES)?;
        let number = |from: usize| frame[from..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if number(4) != xxh3_64(&frame[CHECKED_FROM..]) {
            return None;
        }
        let time = |from| Timestamp(number(from) as i64);
        let head = Head { time: time(12), received: time(20), id: number(28) };
        let found = Frame { at: at as u64, head, event: &frame[HEAD_BYTES..] };
        at += frame.len();
        Some(found)
    })
}

/// Bytes of a file that are sound frames.
pub(super) fn sound_bytes(bytes: &[u8]) -> u64 {
    frames(bytes).last().map_or(0, |last| last.at + (HEAD_BYTES + last.event.len()) as u64)
}

#[cfg(test)]
mod tests {
    use weir_sample::{CheckStatus, EventKind};
    use weir_wire::read_event;

    use super::*;

    #[test]
    fn whole_frames_are_read_and_nothing_behind_a_cut_or_damage() {
        let kind = EventKind::Check(CheckStatus::Critical);
        let (at, host, source, aggregation_key, tags) = (None, None, None, None, Vec::new());
        let (title, text) = ("db".to_owned(), "gone".to_owned());
        let event = Event { kind, title, text, at, host, source, aggregation_key, tags, is_cut: false };
        let head = |id| Head { time: Timestamp(-5), received: Timestamp(7), id };
        let mut bytes = Vec::new();
        (0..3).for_each(|id| head(id).put(&event, &mut bytes));
        let each = bytes.len() / 3;
        for cut in 0..=bytes.len() {
            let read: Vec<_> = frames(&bytes[..cut]).collect();
            assert_eq!((read.len(), sound_bytes(&bytes[..cut])), (cut / each, (cut / each * each) as u64));
            for (id, frame) in (0..).zip(read) {
                assert_eq!((frame.head, frame.at), (head(id), id * each as u64));
                assert_eq!(read_event(frame.event).as_ref(), Ok(&event));
            }
        }
        bytes[each + 20] ^= 1;
        assert_eq!(frames(&bytes).count(), 1);
    }
}
