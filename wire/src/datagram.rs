//! The sealed datagram: 42 bytes of header in clear, the payload encrypted, a tag over both.
//!
//! ```text
//! 0  magic "WR"   2  version 1   3  flags   4  key id u16   6  tenant u32   10 expires u32 (unix s)
//! 14 agent id 16 B   30 epoch 6 B   36 seq 6 B   42 sealed payload …   last 16 B: tag      (big-endian)
//! ```

use ring::aead::{Aad, LessSafeKey, Nonce};

use crate::ids::{bytes48, number48};
use crate::{AgentId, Epoch, SessionKeys};

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 42;
/// Bytes after the payload.
pub const TAG_BYTES: usize = 16;
/// What crosses any network unfragmented, headers of IP and UDP aside.
pub const DEFAULT_DATAGRAM_BYTES: usize = 1_200;
/// The most a datagram may have.
pub const MAX_DATAGRAM_BYTES: usize = 1_432;

const MAGIC: [u8; 2] = *b"WR";
const VERSION: u8 = 1;
const KIND_ACK: u8 = 0b1000_0000;
const ACK_WANTED: u8 = 0b0100_0000;
const SCRAPES: u8 = 0b0010_0000;
const DICTIONARY: u8 = 0b0000_1111;

/// What a datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramKind {
    /// From an agent.
    Batch,
    /// To an agent; its nonce field is random.
    Ack,
    /// From a collector: a request's body, no datagram, but sealed like one.
    Scrapes,
}

/// The part of a datagram that stands in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it carries.
    pub kind: DatagramKind,
    /// Whether the sender waits for an ack.
    pub ack_wanted: bool,
    /// Compression dictionary of the payload; 0 is none.
    pub dictionary: u8,
    /// Fleet key.
    pub key_id: u16,
    /// Tenant.
    pub tenant: u32,
    /// Unix seconds until which the session key holds.
    pub expires: u32,
    /// The agent that sent it or is answered.
    pub agent: AgentId,
    /// The agent's run; random in acks.
    pub epoch: Epoch,
    /// Number within the run; random in acks.
    pub seq: u64,
}

/// Why a datagram was not opened. Nobody is told but the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Shorter than header and tag.
    #[error("shorter than a header and a tag")]
    TooShort,
    /// Longer than a datagram may be.
    #[error("longer than {MAX_DATAGRAM_BYTES} bytes")]
    TooLong,
    /// Not Weir's.
    #[error("does not start with WR")]
    Magic,
    /// Another version of the wire format.
    #[error("wire version is not 1")]
    Version,
    /// An ack where a batch belongs, or the reverse.
    #[error("wrong direction")]
    Direction,
    /// The session has expired.
    #[error("session key has expired")]
    Expired,
    /// No such fleet key.
    #[error("fleet key is not known")]
    UnknownKey,
    /// The agent is on the deny list.
    #[error("agent is denied")]
    Denied,
    /// Forged or damaged.
    #[error("seal is broken")]
    Tag,
    /// The seal holds, the content does not.
    #[error("sealed content is malformed")]
    Content,
}

impl Refusal {
    /// Every refusal, for counters that start at zero.
    pub const ALL: [Refusal; 10] = [
        Self::TooShort,
        Self::TooLong,
        Self::Magic,
        Self::Version,
        Self::Direction,
        Self::Expired,
        Self::UnknownKey,
        Self::Denied,
        Self::Tag,
        Self::Content,
    ];

    /// The value of the `reason` label.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Magic => "magic",
            Self::Version => "version",
            Self::Direction => "direction",
            Self::Expired => "expired",
            Self::UnknownKey => "unknown_key",
            Self::Denied => "denied",
            Self::Tag => "tag",
            Self::Content => "content",
        }
    }
}

impl Header {
    /// Reads the header of a datagram; says nothing about its seal.
    pub fn decode(datagram: &[u8]) -> Result<Self, Refusal> {
        if datagram.len() > MAX_DATAGRAM_BYTES {
            return Err(Refusal::TooLong);
        }
        Self::decode_any_length(datagram)
    }

    /// As [`Header::decode`], for streams, whose frames have limits of their own.
    pub fn decode_any_length(datagram: &[u8]) -> Result<Self, Refusal> {
        if datagram.len() < HEADER_BYTES + TAG_BYTES {
            return Err(Refusal::TooShort);
        }
        let field = |from: usize| &datagram[from..];
        let four = |from| u32::from_be_bytes(array(field(from)));
        match (array::<2>(datagram), datagram[2]) {
            (MAGIC, VERSION) => {}
            (MAGIC, _) => return Err(Refusal::Version),
            _ => return Err(Refusal::Magic),
        }
        let flags = datagram[3];
        Ok(Self {
            kind: match flags & (KIND_ACK | SCRAPES) {
                0 => DatagramKind::Batch,
                SCRAPES => DatagramKind::Scrapes,
                _ => DatagramKind::Ack,
            },
            ack_wanted: flags & ACK_WANTED != 0,
            dictionary: flags & DICTIONARY,
            key_id: u16::from_be_bytes(array(field(4))),
            tenant: four(6),
            expires: four(10),
            agent: AgentId(array(field(14))),
            epoch: Epoch(number48(array(field(30)))),
            seq: number48(array(field(36))),
        })
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..2].copy_from_slice(&MAGIC);
        bytes[2] = VERSION;
        bytes[3] = self.dictionary & DICTIONARY;
        bytes[3] |= match self.kind {
            DatagramKind::Batch => 0,
            DatagramKind::Ack => KIND_ACK,
            DatagramKind::Scrapes => SCRAPES,
        };
        bytes[3] |= if self.ack_wanted { ACK_WANTED } else { 0 };
        bytes[4..6].copy_from_slice(&self.key_id.to_be_bytes());
        bytes[6..10].copy_from_slice(&self.tenant.to_be_bytes());
        bytes[10..14].copy_from_slice(&self.expires.to_be_bytes());
        bytes[14..30].copy_from_slice(&self.agent.0);
        bytes[30..36].copy_from_slice(&self.epoch.to_bytes());
        bytes[36..].copy_from_slice(&bytes48(self.seq));
        bytes
    }
}

/// Writes header, sealed payload and tag to `out`, in place of what was there.
pub fn seal(header: &Header, payload: &[u8], keys: &SessionKeys, out: &mut Vec<u8>) {
    let key = match header.kind {
        DatagramKind::Batch | DatagramKind::Scrapes => &keys.batch,
        DatagramKind::Ack => &keys.ack,
    };
    let clear = header.encode();
    out.clear();
    out.extend_from_slice(&clear);
    out.extend_from_slice(payload);
    let tag = key.seal_in_place_separate_tag(nonce(&clear), Aad::from(&clear), &mut out[HEADER_BYTES..]);
    out.extend_from_slice(tag.expect("payloads are far shorter than AES-GCM's limit").as_ref());
}

/// Opens a batch in place and returns its payload.
pub fn open<'a>(datagram: &'a mut [u8], keys: &SessionKeys) -> Result<&'a mut [u8], Refusal> {
    open_with(datagram, &keys.batch)
}

pub(crate) fn open_with<'a>(datagram: &'a mut [u8], key: &LessSafeKey) -> Result<&'a mut [u8], Refusal> {
    let (clear, sealed) = datagram.split_first_chunk_mut::<HEADER_BYTES>().ok_or(Refusal::TooShort)?;
    key.open_in_place(nonce(clear), Aad::from(&*clear), sealed).map_err(|_| Refusal::Tag)
}

/// Epoch and sequence number: never the same twice for one key and plaintext.
fn nonce(clear: &[u8; HEADER_BYTES]) -> Nonce {
    Nonce::assume_unique_for_key(array(&clear[30..]))
}

/// The first bytes as an array; callers have checked the length.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}
