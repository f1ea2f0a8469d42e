//! What can go wrong between a job and the gateways.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a client cannot be had, or what of its lines did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a host and a port, or a name that does not resolve.
    #[error("no gateway at {server}: {reason}")]
    Server {
        /// What was given.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of the token or of the fleet keys cannot be read, or others can read it.
    #[error(transparent)]
    Secret(#[from] weir_files::SecretError),
    /// The file of fleet keys holds none that may sign.
    #[error("{}: {reason}", path.display())]
    FleetKeys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A token travels by TLS only, and for that the server's authority must be known.
    #[error("a token needs the certificate of the server's authority: name its file as `ca`")]
    NoAuthority,
    /// The authority's file is not what it should be.
    #[error(transparent)]
    Tls(#[from] weir_link::Error),
    /// No server gave a session.
    #[error(transparent)]
    Session(#[from] weir_link::SessionError),
    /// The system gave no socket, thread or random bytes.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Lines that were not taken; the others were.
    #[error("{count} of the lines refused, first {line:?}: {reason}")]
    Lines {
        /// How many.
        count: usize,
        /// The first of them.
        line: String,
        /// What is wrong with that one.
        reason: String,
    },
    /// Nobody has acknowledged this in time. It may have arrived all the same, and may still.
    #[error("no gateway has acknowledged {batches} batches ({samples} values) within {waited:.1?}: {reason}")]
    Unacknowledged {
        /// Batches without an ack.
        batches: u64,
        /// Values in them.
        samples: u64,
        /// How long was waited.
        waited: Duration,
        /// What may be the matter.
        reason: String,
    },
    /// Series whose labels do not fit a datagram; they were left out.
    #[error("{series} series left out: their labels are too long for a datagram")]
    TooLong {
        /// How many.
        series: u64,
    },
}
