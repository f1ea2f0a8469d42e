//! What can go wrong with a socket or an identity.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::holder::holder;

/// Why a socket or an identity could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A local address could not be bound.
    #[error("cannot bind {protocol} {address}{}: {source}", holder(protocol, *address, source))]
    Bind {
        /// `udp` or `tcp`.
        protocol: &'static str,
        /// The wanted address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A PEM file could not be read, or holds nothing of the wanted kind.
    #[error("cannot read PEM file {}: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// A private key cannot be read, or others can read it.
    #[error(transparent)]
    Secret(#[from] weir_files::SecretError),
    /// Certificates or keys that cannot be used, or do not fit each other.
    #[error("cannot use the certificates in {}: {source}", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The crypto provider does not offer TLS 1.3.
    #[error("no TLS 1.3: {0}")]
    Provider(rustls::Error),
    /// Not a host name or address.
    #[error("{0:?} is neither a host name nor an address")]
    ServerName(String),
    /// The peer did not complete a TLS handshake.
    #[error("TLS handshake failed: {0}")]
    Handshake(io::Error),
}
