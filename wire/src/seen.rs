//! Which sequence numbers of one epoch have been counted.

use crate::DecodeError;
use crate::bytes::{Input, put_varint};

/// Sequence numbers that may be outstanding at once: senders never have a wider span unacknowledged.
pub const WINDOW: u64 = 1_024;

const WORDS: usize = (WINDOW / 64) as usize;

/// What a window says of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Not counted so far; it is now.
    New,
    /// Counted before, or too old to tell.
    Duplicate,
}

/// A sliding window over the sequence numbers of one (agent, epoch).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenWindow {
    /// One past the highest number seen.
    next: u64,
    /// Bit `seq % WINDOW` for the last `WINDOW` numbers before `next`.
    bits: Box<[u64; WORDS]>,
    admitted: u64,
}

impl SeenWindow {
    /// A window that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a number unless it was counted before. One that has left the window counts as seen.
    pub fn admit(&mut self, seq: u64) -> Seen {
        if seq >= self.next {
            self.slide_to(seq + 1);
        } else if self.next - seq > WINDOW {
            return Seen::Duplicate;
        }
        let (word, bit) = place(seq);
        if self.bits[word] & bit != 0 {
            return Seen::Duplicate;
        }
        self.bits[word] |= bit;
        self.admitted += 1;
        Seen::New
    }

    /// Numbers below the highest one that never came: on their way, or lost with their sender's spool.
    pub fn gaps(&self) -> u64 {
        self.next - self.admitted
    }

    /// Numbers counted.
    pub fn admitted(&self) -> u64 {
        self.admitted
    }

    fn slide_to(&mut self, next: u64) {
        if next - self.next >= WINDOW {
            self.bits.fill(0);
        } else {
            for seq in self.next..next {
                let (word, bit) = place(seq);
                self.bits[word] &= !bit;
            }
        }
        self.next = next;
    }

    /// The bytes that [`SeenWindow::decode`] takes: short when there are few gaps.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.next);
        put_varint(&mut out, self.admitted);
        let from = self.next.saturating_sub(WINDOW);
        let missing = (from..self.next).filter(|seq| self.bits[place(*seq).0] & place(*seq).1 == 0);
        let mut previous = from;
        for seq in missing {
            put_varint(&mut out, seq - previous);
            previous = seq;
        }
        out
    }

    /// Reads what [`SeenWindow::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Input(bytes);
        let (next, admitted) = (input.varint()?, input.varint()?);
        let mut window = Self { next, admitted, ..Self::default() };
        let from = next.saturating_sub(WINDOW);
        for seq in from..next {
            let (word, bit) = place(seq);
            window.bits[word] |= bit;
        }
        let mut missing = from;
        while !input.0.is_empty() {
            missing =
                missing.checked_add(input.varint()?).filter(|seq| *seq < next).ok_or(DecodeError::Malformed("gap"))?;
            let (word, bit) = place(missing);
            window.bits[word] &= !bit;
        }
        Ok(window)
    }
}

fn place(seq: u64) -> (usize, u64) {
    ((seq % WINDOW / 64) as usize, 1 << (seq % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_behind_the_window_are_not_counted_again() {
        let mut window = SeenWindow::new();
        let mut check = |seq: u64, expected: Seen, gaps: u64| {
            assert_eq!((window.admit(seq), window.gaps()), (expected, gaps), "{seq}");
        };
        check(0, Seen::New, 0);
        check(0, Seen::Duplicate, 0);
        check(5, Seen::New, 4);
        check(3, Seen::New, 3);
        check(2_000, Seen::New, 1_997);
        check(4, Seen::Duplicate, 1_997);
        check(977, Seen::New, 1_996);
        check(976, Seen::Duplicate, 1_996);
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
    }
}
