//! What can go wrong with the notifier's file.

use weir_alert::states::StateError;

/// The notifier's file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file itself.
    #[error("the notifier's state: {0}")]
    Open(#[from] StateError),
    /// A read or a write.
    #[error("the notifier's state: {0}")]
    State(#[from] Box<redb::Error>),
    /// A record that does not read.
    #[error("the notifier's state holds a record that cannot be read: {0}")]
    Record(#[from] serde_json::Error),
}

pub(super) fn failed(error: impl Into<redb::Error>) -> Error {
    Error::State(Box::new(error.into()))
}
