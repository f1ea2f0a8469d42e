//! Sockets: batched UDP, TLS identity, and the framed stream.
//!
//! The rest of the project sees datagrams and frames. `unsafe` is confined to [`UdpSocket`]'s two system calls, which
//! the standard library does not offer, to taking over inherited descriptors, and to
//! the C allocator's settings.

mod addr;
mod error;
#[cfg(feature = "tokio")]
mod frames;
mod holder;
mod inherited;
mod memory;
mod outgoing;
mod ring;
mod session;
mod tls;
mod udp;

pub use error::Error;
#[cfg(feature = "tokio")]
pub use frames::{FrameStream, FrameTooLong};
pub use holder::holder;
pub use inherited::{Inherited, inherited};
pub use memory::keep_heap_small;
pub use outgoing::Outgoing;
pub use ring::Ring;
pub use session::{Granted, SessionError, SessionRequest};
pub use tls::{Alpn, ClientFiles, ClientTls, ServerFiles, ServerTls};
#[cfg(feature = "tokio")]
pub use tls::{ClientStream, ServerStream, client_certificate};
pub use udp::{UdpConfig, UdpSocket};
