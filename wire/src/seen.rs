//! Which sequence numbers of one epoch have been counted.

use crate::DecodeError;
use crate::bytes::{Input, put_varint};

/// Sequence numbers that may be outstanding at once: senders never have a wider span unacknowledged.
pub const WINDOW: u64 = 1_024;

/// Gaps remembered: 32 KiB for the worst sender, nothing for most. No number of the last [`WINDOW`] is ever forgotten,
/// and few that are far older. A sender that changes gateways needs that: what the first one acked may be read after
/// thousands of batches of the second.
const MAX_GAPS: usize = 2 * WINDOW as usize;

/// What a window says of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Not counted so far; it is now.
    New,
    /// Counted before, or too old to tell.
    Duplicate,
}

/// The numbers counted of one (agent, epoch), kept as the gaps between them: most senders have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenWindow {
    /// One past the highest number seen.
    next: u64,
    admitted: u64,
    /// Numbers below `next` that were not seen, from (inclusive) and to (exclusive), in order.
    gaps: Vec<(u64, u64)>,
}

impl SeenWindow {
    /// A window that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a number unless it was counted before. One in a gap that was forgotten counts as seen.
    pub fn admit(&mut self, seq: u64) -> Seen {
        if seq >= self.next {
            if seq > self.next {
                self.gaps.push((self.next, seq));
            }
            self.next = seq + 1;
        } else if !self.fill(seq) {
            return Seen::Duplicate;
        }
        if self.gaps.len() > MAX_GAPS {
            self.gaps.remove(0);
        }
        self.admitted += 1;
        Seen::New
    }

    /// Takes a number out of its gap; false if it is in none.
    fn fill(&mut self, seq: u64) -> bool {
        let at = self.gaps.partition_point(|&(_, to)| to <= seq);
        let Some(&(from, to)) = self.gaps.get(at).filter(|(from, _)| *from <= seq) else { return false };
        let rest = [(from, seq), (seq + 1, to)];
        self.gaps.splice(at..=at, rest.into_iter().filter(|(from, to)| from < to));
        true
    }

    /// Numbers below the highest one that never came: on their way, or lost with their sender's spool.
    pub fn gaps(&self) -> u64 {
        self.next - self.admitted
    }

    /// Numbers from the first on that were all counted.
    pub fn contiguous(&self) -> u64 {
        self.gaps.first().map_or(self.next, |&(from, _)| from)
    }

    /// Numbers counted.
    pub fn admitted(&self) -> u64 {
        self.admitted
    }

    /// The bytes that [`SeenWindow::decode`] takes: short when there are few gaps.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.next);
        put_varint(&mut out, self.admitted);
        let mut previous = 0;
        for &(from, to) in &self.gaps {
            put_varint(&mut out, from - previous);
            put_varint(&mut out, to - from);
            previous = to;
        }
        out
    }

    /// Reads what [`SeenWindow::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Input(bytes);
        let (next, admitted) = (input.varint()?, input.varint()?);
        let (mut gaps, mut previous) = (Vec::new(), 0u64);
        while !input.0.is_empty() {
            let from = previous.checked_add(input.varint()?).ok_or(MALFORMED)?;
            let to = from.checked_add(input.varint()?).ok_or(MALFORMED)?;
            // A number counted stands after every gap, and gaps are no longer than what is missing.
            if to <= from || to >= next || (previous > 0 && from == previous) || gaps.len() == MAX_GAPS {
                return Err(MALFORMED);
            }
            gaps.push((from, to));
            previous = to;
        }
        if admitted > next { Err(MALFORMED) } else { Ok(Self { next, admitted, gaps }) }
    }
}

const MALFORMED: DecodeError = DecodeError::Malformed("gap");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_count_once_in_any_order() {
        let mut window = SeenWindow::new();
        let mut check = |seq: u64, expected: Seen, gaps: u64| {
            assert_eq!((window.admit(seq), window.gaps()), (expected, gaps), "{seq}");
        };
        check(0, Seen::New, 0);
        check(0, Seen::Duplicate, 0);
        check(5, Seen::New, 4);
        check(3, Seen::New, 3);
        check(100_000, Seen::New, 99_997);
        check(4, Seen::New, 99_996);
        check(4, Seen::Duplicate, 99_996);
        check(99_999, Seen::New, 99_995);
        check(1, Seen::New, 99_994);
    }

    #[test]
    fn gaps_are_bounded_and_none_within_the_window_is_forgotten() {
        let mut window = SeenWindow::new();
        for seq in (1..100_000).step_by(2) {
            assert_eq!(window.admit(seq), Seen::New);
            assert!(window.gaps.len() <= MAX_GAPS);
        }
        let forgotten = (0..100_000).step_by(2).filter(|&seq| window.clone().admit(seq) == Seen::Duplicate);
        // Nor any of the thousands before, when every other number is missing.
        assert!(forgotten.max().unwrap() < 100_000 - 4 * WINDOW);
    }

    proptest! {
        #[test]
        fn each_number_is_counted_once_and_a_saved_window_goes_on(seqs in prop::collection::vec(0..1_000u64, 0..400)) {
            let (mut window, mut counted) = (SeenWindow::new(), HashSet::new());
            for seq in seqs {
                let expected = if counted.insert(seq) { Seen::New } else { Seen::Duplicate };
                prop_assert_eq!(window.admit(seq), expected);
                window = SeenWindow::decode(&window.encode()).unwrap();
            }
            prop_assert_eq!(window.admitted(), counted.len() as u64);
        }

        #[test]
        fn what_decodes_is_what_would_be_encoded(bytes in prop::collection::vec(0..6u8, 0..40)) {
            if let Ok(mut window) = SeenWindow::decode(&bytes) {
                prop_assert_eq!(window.encode(), bytes);
                window.admit(3);
                window.gaps();
            }
        }
    }
}
