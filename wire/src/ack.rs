//! What a gateway answers: which batches are durable, and what it wishes the agent to do.

use weir_sample::Timestamp;

use crate::bytes::{Input, put_varint};
use crate::datagram::{HEADER_BYTES, TAG_BYTES, open_with};
use crate::ids::MAX_48;
use crate::{DatagramKind, DecodeError, Epoch, Header, Refusal, SessionKeys, seal};

/// What a gateway wishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Leave me: take a new source port or connection.
    pub drain: bool,
    /// Stretch your sends.
    pub slow: bool,
}

/// Batches of one epoch that are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Their epoch.
    pub epoch: Epoch,
    /// Their numbers.
    pub seqs: Vec<u64>,
    /// Wishes.
    pub hints: Hints,
    /// The gateway's clock.
    pub server_time: Timestamp,
}

const DRAIN: u8 = 1;
const SLOW: u8 = 2;

impl Ack {
    /// Writes the sealed ack to `out`. `answered` is the header of a batch of this agent; `nonce` is twelve random bytes.
    pub fn seal(&self, answered: &Header, nonce: [u8; 12], keys: &SessionKeys, out: &mut Vec<u8>) {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let header = Header {
            kind: DatagramKind::Ack,
            ack_wanted: false,
            dictionary: 0,
            epoch: Epoch(number(&nonce[..6])),
            seq: number(&nonce[6..]),
            ..*answered
        };
        let mut payload = Vec::with_capacity(32);
        payload.push(if self.hints.drain { DRAIN } else { 0 } | if self.hints.slow { SLOW } else { 0 });
        put_varint(&mut payload, self.server_time.millis().max(0) as u64);
        put_varint(&mut payload, self.epoch.0);
        let mut previous = 0u64;
        for &seq in &self.seqs {
            put_varint(&mut payload, seq.wrapping_sub(previous) & MAX_48);
            previous = seq;
        }
        seal(&header, &payload, keys, out);
    }

    /// Opens an ack in place.
    pub fn open(datagram: &mut [u8], keys: &SessionKeys) -> Result<(Header, Self), Refusal> {
        let header = Header::decode_any_length(datagram)?;
        if header.kind != DatagramKind::Ack {
            return Err(Refusal::Direction);
        }
        let payload = open_with(datagram, &keys.ack)?;
        let ack = Self::decode(payload).map_err(|_| Refusal::Content)?;
        Ok((header, ack))
    }

    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Input(payload);
        let hints = input.byte()?;
        let server_time = Timestamp(input.varint()? as i64);
        let epoch = Epoch(input.varint()?);
        let (mut seqs, mut previous) = (Vec::new(), 0u64);
        while !input.0.is_empty() {
            previous = previous.wrapping_add(input.varint()?) & MAX_48;
            seqs.push(previous);
        }
        Ok(Self { epoch, seqs, hints: Hints { drain: hints & DRAIN != 0, slow: hints & SLOW != 0 }, server_time })
    }

    /// The most bytes an ack of `seqs` numbers can have when they stand within one window of each other.
    pub const fn max_bytes(seqs: usize) -> usize {
        // Hints 1, time 7, epoch 7, first number 7, steps 7 each in the worst order.
        HEADER_BYTES + TAG_BYTES + 15 + 7 * seqs
    }
}
