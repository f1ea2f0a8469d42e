//! What can go wrong with the notifier's file.

use std::path::PathBuf;

/// The notifier's file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file itself.
    #[error("cannot open the notifier's state {path}: {source}")]
    Open {
        /// Where it is.
        path: PathBuf,
        /// The cause.
        source: Box<redb::Error>,
    },
    /// The file cannot be made.
    #[error(transparent)]
    File(#[from] weir_files::Error),
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
