//! Other systems' bytes: what they send becomes samples here, and samples what they read. Nothing here does IO or asks
//! for the time.

#[cfg(feature = "remote-write")]
mod native;
#[cfg(feature = "remote-write")]
mod protobuf;
#[cfg(feature = "remote-write")]
pub mod remote_write;
pub mod text;
