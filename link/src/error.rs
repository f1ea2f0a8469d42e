//! What can go wrong with a socket or an identity.

use std::{io, net::SocketAddr};

/// Why a socket could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A local address could not be bound.
    #[error("cannot bind {protocol} {address}: {source}")]
    Bind {
        /// `udp` or `tcp`.
        protocol: &'static str,
        /// The wanted address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}
