//! One batch on disk, and the batches that it stands for.
//!
//! ```text
//! payload length u24 · replaced u8 · check u32 · epoch u64 · seq u64 · samples u32 · payload
//! and for each that is replaced: epoch u64 · seq u64                                           (little-endian)
//! ```

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use weir_wire::{Entry, Epoch};
use xxhash_rust::xxh3::xxh3_64;

/// What a batch is known by.
pub(super) type Key = (Epoch, u64);

#[derive(Debug, PartialEq)]
pub(super) struct Record {
    pub entry: Entry,
    /// Batches before it that must not be sent any more: this one has what is in them, or another that was not written.
    pub replaced: Vec<Key>,
}

/// More are told by the records that follow.
pub(super) const MOST_REPLACED: usize = u8::MAX as usize;
const HEAD_BYTES: usize = 28;
const KEY_BYTES: usize = 16;
/// No payload is longer than a frame of a stream.
const MAX_PAYLOAD_BYTES: usize = 64 << 10;

/// A record's bytes by the first four of them, if there is one that begins so.
fn length_of(field: [u8; 4]) -> Option<usize> {
    let [a, b, c, replaced] = field;
    let payload = u32::from_le_bytes([a, b, c, 0]) as usize;
    (payload <= MAX_PAYLOAD_BYTES).then_some(HEAD_BYTES + payload + usize::from(replaced) * KEY_BYTES)
}

pub(super) fn encode(entry: &Entry, replaced: &[Key]) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEAD_BYTES + entry.payload.len() + replaced.len() * KEY_BYTES);
    record.extend_from_slice(&(entry.payload.len() as u32 | (replaced.len() as u32) << 24).to_le_bytes());
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&entry.epoch.0.to_le_bytes());
    record.extend_from_slice(&entry.seq.to_le_bytes());
    record.extend_from_slice(&entry.samples.to_le_bytes());
    record.extend_from_slice(&entry.payload);
    for (epoch, seq) in replaced {
        record.extend_from_slice(&epoch.0.to_le_bytes());
        record.extend_from_slice(&seq.to_le_bytes());
    }
    let check = check(&record);
    record[4..8].copy_from_slice(&check.to_le_bytes());
    record
}

/// The record at the start of `bytes` and its length, if it is whole.
pub(super) fn decode(bytes: &[u8]) -> Option<(Record, usize)> {
    let field = *bytes.first_chunk()?;
    let length = length_of(field)?;
    let record = bytes.get(..length)?;
    let four = |at: usize| Some(u32::from_le_bytes(*record.get(at..)?.first_chunk()?));
    let eight = |at: usize| Some(u64::from_le_bytes(*record.get(at..)?.first_chunk()?));
    if check(record) != four(4)? {
        return None;
    }
    let (payload, keys) = record[HEAD_BYTES..].split_at(length - HEAD_BYTES - usize::from(field[3]) * KEY_BYTES);
    let key = |at: usize| Some((Epoch(eight(at)?), eight(at + 8)?));
    let entry = Entry { epoch: Epoch(eight(8)?), seq: eight(16)?, payload: payload.to_vec(), samples: four(24)? };
    let replaced = (length - keys.len()..length).step_by(KEY_BYTES).map(key).collect::<Option<_>>()?;
    Some((Record { entry, replaced }, length))
}

/// Over everything but the check's own bytes.
fn check(record: &[u8]) -> u32 {
    (xxh3_64(&record[8..]) ^ record.len() as u64) as u32 ^ u32::from(record[3]) << 24
}

/// The record at a place of a file and its length, if it is whole.
pub(super) fn read_at(path: &Path, offset: u64) -> Option<(Record, usize)> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut bytes = vec![0; HEAD_BYTES];
    file.read_exact(&mut bytes).ok()?;
    bytes.resize(length_of(*bytes.first_chunk()?)?, 0);
    file.read_exact(&mut bytes[HEAD_BYTES..]).ok()?;
    decode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(payload: Vec<u8>) -> Entry {
        Entry { epoch: Epoch(7), seq: 1, payload, samples: 10 }
    }

    #[test]
    fn every_damaged_byte_is_found() {
        for replaced in [vec![], vec![(Epoch(7), 0)], vec![(Epoch(6), 3), (Epoch(7), 0)]] {
            let record = encode(&entry(vec![1; 1_000]), &replaced);
            let length = record.len();
            assert_eq!(decode(&record), Some((Record { entry: entry(vec![1; 1_000]), replaced }, length)));
            for at in 0..length {
                let mut damaged = record.clone();
                damaged[at] ^= 1;
                assert_eq!(decode(&damaged), None, "byte {at}");
            }
        }
    }

    #[test]
    fn a_payload_is_as_long_as_a_frame_at_most() {
        let sized = |size| encode(&entry(vec![1; size]), &[(Epoch(7), 0); MOST_REPLACED]);
        assert!(decode(&sized(MAX_PAYLOAD_BYTES)).is_some());
        assert!(decode(&sized(MAX_PAYLOAD_BYTES + 1)).is_none());
    }
}
