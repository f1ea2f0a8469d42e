//! Why sealed content cannot be read.

/// Sealed content that is not a batch, an ack or a frame: a newer version's, or a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Ends before what it announces.
    #[error("ends before what it announces")]
    CutShort,
    /// A part that no encoder writes.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// More than a batch may hold.
    #[error("unpacks to more than {MAX_PLAIN_BYTES} bytes")]
    TooLarge,
}

/// No section unpacks to more: 64 KiB of keys and values is 50 times what a datagram packs.
pub(crate) const MAX_PLAIN_BYTES: usize = 1 << 20;
