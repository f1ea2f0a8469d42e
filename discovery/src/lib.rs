//! Who is there: address lists, files and DNS say it, and rank says in which order to turn to them.
//!
//! ```text
//! "a:8640,b:8640" ──Servers──▶ names ──dns──▶ addresses ──rank──▶ this agent's own order
//! targets.json ──Files──▶ Endpoint
//! collectors ──owners──▶ who of them asks a target
//! ```
//! Nothing here opens a socket or reads a clock: whoever asks name servers passes their answers in.

pub mod dns;
mod endpoint;
mod files;
mod rank;
mod server;
mod servers;
mod share;

pub use endpoint::Endpoint;
pub use files::{Files, Group};
pub use rank::rank;
pub use server::Server;
pub use servers::Servers;
pub use share::owners;
