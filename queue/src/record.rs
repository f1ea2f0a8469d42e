//! One record and its frame in a segment.
//!
//! ```text
//! 0  magic 2 B    2  lane u8    3  kind u8   4  payload length u32   8  tenant u32   12 agent 16 B
//! 28 epoch 6 B    34 seq 6 B    40 received i64 (ms)                 48 crc32c of the payload
//! 52 crc32c of bytes 0..52, seeded with the segment's salt           56 payload …       (all little-endian)
//! ```
//! Header and payload have a checksum each: a damaged payload costs one record, and a damaged header is found again at
//! the next sound one. The salt keeps a payload that happens to contain a header from being taken for one.

use crc32c::{crc32c, crc32c_append};
use weir_sample::Timestamp;
use weir_wire::{AgentId, Epoch};

/// The largest payload a record may carry: far above any datagram, and small enough to hold in memory at ease.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

pub(crate) const FRAME_HEADER_BYTES: usize = 56;
const MAGIC: [u8; 2] = [0xB5, 0x57];

/// Frames in topics have no segment, and all of them this salt.
#[cfg(feature = "kafka")]
pub(crate) const TOPIC_SALT: u32 = 0;

/// One thing that goes through the queue; mostly a batch as it arrived: opened, still compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the payload is.
    pub kind: RecordKind,
    /// How much it matters when there is no room for everything.
    pub lane: Lane,
    /// The tenant it belongs to.
    pub tenant: u32,
    /// The agent that sealed it.
    pub agent: AgentId,
    /// The agent's life that it was sealed in.
    pub epoch: Epoch,
    /// Its number within the epoch.
    pub seq: u64,
    /// When the gateway received it.
    pub received: Timestamp,
    /// In the form of its kind.
    pub payload: &'a [u8],
}

/// What a record's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A program from before kinds wrote it: a batch, or what that program marked within the payload.
    Unsaid,
    /// An agent's batch.
    Batch,
    /// What an agent's token allows.
    Grant,
    /// Samples with times of their own, as batches of one instant: what programs before [`RecordKind::Series`] wrote.
    Samples,
    /// Samples with times of their own, series by series, as remote write brings them.
    Series,
    /// An event about an alert, as JSON: for whoever tells people, and for no store.
    Alert,
    /// Who reads a partition from here on: for readers of a topic, and for no store.
    Claim,
    /// What one sink has of series that several write, for the sink that owns them.
    Parts,
    /// What a process that leads, or wants to, says and remembers: for the others that could, and for no store.
    State,
    /// What one look at a target brought, for one of the target's windows.
    Scrape,
    /// A batch with events in the place of points.
    Events,
    /// What a sender tells of metrics: type, unit, help.
    Metadata,
    /// What a newer program wrote, by its number. Its frame is as sound as any: it must neither be taken for damage nor
    /// be cut off as a torn tail.
    Newer(u8),
}

impl RecordKind {
    fn from_u8(number: u8) -> Self {
        match number {
            0 => Self::Unsaid,
            1 => Self::Batch,
            2 => Self::Grant,
            3 => Self::Samples,
            4 => Self::Series,
            5 => Self::Alert,
            6 => Self::Claim,
            7 => Self::Parts,
            8 => Self::State,
            9 => Self::Scrape,
            10 => Self::Events,
            11 => Self::Metadata,
            newer => Self::Newer(newer),
        }
    }

    fn to_u8(self) -> u8 {
        match self {
            Self::Unsaid => 0,
            Self::Batch => 1,
            Self::Grant => 2,
            Self::Samples => 3,
            Self::Series => 4,
            Self::Alert => 5,
            Self::Claim => 6,
            Self::Parts => 7,
            Self::State => 8,
            Self::Scrape => 9,
            Self::Events => 10,
            Self::Metadata => 11,
            Self::Newer(number) => number,
        }
    }
}

/// A priority class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Shed last.
    Critical = 0,
    /// What no rule names otherwise.
    #[default]
    Normal = 1,
    /// Shed first.
    Bulk = 2,
}

impl Lane {
    fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Critical),
            1 => Some(Self::Normal),
            2 => Some(Self::Bulk),
            _ => None,
        }
    }
}

impl Record<'_> {
    /// Bytes this record takes in a segment.
    pub(crate) fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.payload.len()
    }

    /// Appends the frame. The caller has checked the payload's size.
    pub(crate) fn encode(&self, salt: u32, out: &mut Vec<u8>) {
        let mut header = [0; FRAME_HEADER_BYTES];
        header[0..2].copy_from_slice(&MAGIC);
        header[2] = self.lane as u8;
        header[3] = self.kind.to_u8();
        header[4..8].copy_from_slice(&(self.payload.len() as u32).to_le_bytes());
        header[8..12].copy_from_slice(&self.tenant.to_le_bytes());
        header[12..28].copy_from_slice(&self.agent.0);
        header[28..34].copy_from_slice(&self.epoch.0.to_le_bytes()[..6]);
        header[34..40].copy_from_slice(&self.seq.to_le_bytes()[..6]);
        header[40..48].copy_from_slice(&self.received.0.to_le_bytes());
        header[48..52].copy_from_slice(&crc32c(self.payload).to_le_bytes());
        let crc = crc32c_append(salt, &header[..52]);
        header[52..56].copy_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(self.payload);
    }
}

/// A sound frame header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHeader {
    kind: RecordKind,
    lane: Lane,
    tenant: u32,
    agent: AgentId,
    epoch: Epoch,
    seq: u64,
    pub(crate) received: Timestamp,
    payload_bytes: usize,
    payload_crc: u32,
}

impl FrameHeader {
    /// The header at the start of `bytes`; `None` if it is not sound. `bytes` holds at least a header.
    pub(crate) fn decode(bytes: &[u8], salt: u32) -> Option<Self> {
        if bytes[..2] != MAGIC || crc32c_append(salt, &bytes[..52]) != u32_at(bytes, 52) {
            return None;
        }
        let mut agent = [0; 16];
        agent.copy_from_slice(&bytes[12..28]);
        let payload_bytes = u32_at(bytes, 4) as usize;
        (payload_bytes <= MAX_PAYLOAD_BYTES).then_some(Self {
            kind: RecordKind::from_u8(bytes[3]),
            lane: Lane::from_u8(bytes[2])?,
            tenant: u32_at(bytes, 8),
            agent: AgentId(agent),
            epoch: Epoch(u48_at(bytes, 28)),
            seq: u48_at(bytes, 34),
            received: Timestamp(u64_at(bytes, 40) as i64),
            payload_bytes,
            payload_crc: u32_at(bytes, 48),
        })
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.payload_bytes
    }

    /// The record, given the bytes of its frame.
    pub(crate) fn record<'a>(&self, frame: &'a [u8]) -> Record<'a> {
        Record {
            kind: self.kind,
            lane: self.lane,
            tenant: self.tenant,
            agent: self.agent,
            epoch: self.epoch,
            seq: self.seq,
            received: self.received,
            payload: &frame[FRAME_HEADER_BYTES..self.frame_bytes()],
        }
    }
}

/// What stands at the start of some bytes.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A sound record.
    Sound(FrameHeader),
    /// A sound header whose payload is damaged; the frame has this many bytes.
    Damaged(usize),
    /// No sound header.
    Broken,
    /// Too few bytes to tell.
    Short,
}

impl Frame {
    pub(crate) fn decode(bytes: &[u8], salt: u32) -> Self {
        if bytes.len() < FRAME_HEADER_BYTES {
            return Self::Short;
        }
        let Some(header) = FrameHeader::decode(bytes, salt) else { return Self::Broken };
        let Some(payload) = bytes.get(FRAME_HEADER_BYTES..header.frame_bytes()) else { return Self::Short };
        match crc32c(payload) == header.payload_crc {
            true => Self::Sound(header),
            false => Self::Damaged(header.frame_bytes()),
        }
    }
}

/// Where, past the first byte, the next sound header starts.
pub(crate) fn next_header(bytes: &[u8], salt: u32) -> Option<usize> {
    let last = bytes.len().checked_sub(FRAME_HEADER_BYTES)?;
    (1..=last).find(|&at| bytes[at] == MAGIC[0] && FrameHeader::decode(&bytes[at..], salt).is_some())
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn u48_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(bytes[at + 4]) << 32 | u64::from(bytes[at + 5]) << 40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_and_a_zero_is_a_frame_from_before_kinds() {
        use RecordKind::{
            Alert, Batch, Claim, Events, Grant, Metadata, Newer, Parts, Samples, Scrape, Series, State, Unsaid,
        };
        let (lane, agent, epoch, received) = (Lane::Bulk, AgentId([7; 16]), Epoch(9), Timestamp(13));
        let known = [Unsaid, Batch, Grant, Samples, Series, Alert, Claim, Parts, State, Scrape, Events, Metadata];
        for (kind, byte) in known.into_iter().zip(0..).chain([(Newer(12), 12), (Newer(255), 255)]) {
            let record = Record { kind, lane, tenant: 3, agent, epoch, seq: 11, received, payload: b"payload" };
            let mut frame = Vec::new();
            record.encode(5, &mut frame);
            assert_eq!(frame[3], byte);
            let Frame::Sound(header) = Frame::decode(&frame, 5) else { panic!("{kind:?} is not sound") };
            assert_eq!(header.record(&frame), record);
        }
    }
}
