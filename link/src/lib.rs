//! Sockets: batched UDP, TLS identity, and the framed stream.
//!
//! The rest of the project sees datagrams and frames. `unsafe` is confined to [`UdpSocket`]'s two system calls, which
//! the standard library does not offer.

mod addr;
mod error;
mod outgoing;
mod ring;
mod udp;

pub use error::Error;
pub use outgoing::Outgoing;
pub use ring::Ring;
pub use udp::{UdpConfig, UdpSocket};
