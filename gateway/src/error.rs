//! Why a gateway could not start.

use std::io;

/// What went wrong while binding or starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket could not be bound.
    #[error(transparent)]
    Link(#[from] weir_link::Error),
    /// A socket could not be set up.
    #[error("cannot set up the socket for batches: {0}")]
    Socket(io::Error),
    /// A thread could not be started.
    #[error("cannot start a gateway thread: {0}")]
    Thread(io::Error),
}
