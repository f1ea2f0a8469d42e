//! Positions in logs, and the set of them that says how far a consumer has come.

use std::collections::BTreeMap;

use crc32c::crc32c;

use crate::{
    Error,
    record::{u32_at, u64_at},
};

/// A place between two records of one log. Later records have greater positions; no position is ever used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The segment's number.
    pub segment: u64,
    /// Bytes from the segment's start.
    pub offset: u64,
}

/// How far a consumer has come in every log. The default is the very beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    logs: BTreeMap<String, Position>,
}

const VERSION: u8 = 1;

impl Checkpoint {
    /// The position in the log of `writer`; `None` if nothing of it was read.
    pub fn position(&self, writer: &str) -> Option<Position> {
        self.logs.get(writer).copied()
    }

    /// Every log's writer and position.
    pub fn positions(&self) -> impl Iterator<Item = (&str, Position)> {
        self.logs.iter().map(|(writer, position)| (writer.as_str(), *position))
    }

    pub(crate) fn set(&mut self, writer: &str, position: Position) {
        match self.logs.get_mut(writer) {
            Some(slot) => *slot = position,
            None => drop(self.logs.insert(writer.to_owned(), position)),
        }
    }

    pub(crate) fn remove(&mut self, writer: &str) {
        self.logs.remove(writer);
    }

    /// The bytes that [`Checkpoint::decode`] takes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for (writer, position) in &self.logs {
            // Names are checked to have at most 64 bytes when a log is opened or found.
            bytes.push(writer.len() as u8);
            bytes.extend_from_slice(writer.as_bytes());
            bytes.extend_from_slice(&position.segment.to_le_bytes());
            bytes.extend_from_slice(&position.offset.to_le_bytes());
        }
        let crc = crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads what [`Checkpoint::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the bytes are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let (body, crc) = bytes.split_at_checked(bytes.len().wrapping_sub(4)).ok_or(Error::Checkpoint)?;
        if crc32c(body) != u32_at(crc, 0) || body.first() != Some(&VERSION) {
            return Err(Error::Checkpoint);
        }
        let mut logs = BTreeMap::new();
        let mut rest = &body[1..];
        while let Some((&length, tail)) = rest.split_first() {
            let (writer, tail) = tail.split_at_checked(usize::from(length)).ok_or(Error::Checkpoint)?;
            let (position, tail) = tail.split_at_checked(16).ok_or(Error::Checkpoint)?;
            let writer = std::str::from_utf8(writer).map_err(|_| Error::Checkpoint)?;
            let position = Position { segment: u64_at(position, 0), offset: u64_at(position, 8) };
            logs.insert(writer.to_owned(), position);
            rest = tail;
        }
        Ok(Self { logs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_come_back_and_damage_is_refused() {
        let mut checkpoint = Checkpoint::default();
        assert_eq!(Checkpoint::decode(&checkpoint.encode()).unwrap(), checkpoint);
        checkpoint.set("gateway-1", Position { segment: 7, offset: 1 << 40 });
        checkpoint.set("b", Position { segment: u64::MAX, offset: 0 });
        let bytes = checkpoint.encode();
        assert_eq!(Checkpoint::decode(&bytes).unwrap(), checkpoint);
        for cut in 0..bytes.len() {
            assert!(Checkpoint::decode(&bytes[..cut]).is_err());
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(Checkpoint::decode(&damaged).is_err());
        }
    }
}
