//! The bytes between programs: batches, their seal, acks and what to do when none comes.
//!
//! Samples enter as a [`Batch`], leave as sealed datagrams, and the other way round. Nothing here opens a socket or
//! reads a clock.

mod ack;
mod batch;
mod bytes;
mod datagram;
#[cfg(test)]
mod datagram_tests;
mod decode_error;
mod fleet_key_file;
mod ids;
mod keys;
mod notice;
mod seen;
mod sender;

pub use ack::{Ack, Hints};
pub use batch::{
    Batch, BatchHead, DICTIONARY_ID, Decoder, Encoder, Layout, PackedLayout, Totals, Values, decode, moved_back,
    put_event, read_event, window_of,
};
pub use datagram::{
    DEFAULT_DATAGRAM_BYTES, DatagramKind, HEADER_BYTES, Header, MAX_DATAGRAM_BYTES, Refusal, TAG_BYTES, open, seal,
};
pub use decode_error::DecodeError;
pub use fleet_key_file::{
    FleetKeyLine, KeyFileError, KeyState, format_fleet_keys, key_from_hex, key_to_hex, newest_active_key,
    parse_fleet_keys,
};
pub use ids::{AgentId, Epoch, NotAnAgentId, SenderId};
pub use keys::{FleetKey, Session, SessionKeys};
pub use notice::Notice;
pub use seen::{Seen, SeenWindow, WINDOW};
pub use sender::{Entry, Ledger, Lost, Outbox, OutboxConfig, PAYLOAD_BYTES, Renewal, Route, Sealed, Sender, Transmit};
