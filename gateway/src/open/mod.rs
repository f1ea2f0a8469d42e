//! Who may send: the header's session is derived or found, and the seal decides.

mod access;
mod opener;
mod session_cache;

pub use access::Access;

pub(crate) use access::Tenant;
pub(crate) use opener::{Opened, Opener, payload};
pub(crate) use session_cache::{SESSION_BYTES, SessionId};
