//! What a reader brought.

/// What a poll has delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    /// Records given to the callback.
    pub records: usize,
    /// Bytes of their payloads.
    pub bytes: usize,
    /// Whether the poll ended because of its limit, with more to be had at once.
    pub more: bool,
    /// Whether there may be more that cannot be seen now: a broker does not answer, or has not answered yet.
    pub blind: bool,
}
