//! Other systems' bytes: what they send becomes samples here, and samples what they read. Nothing here does IO or asks
//! for the time.

mod accepted;
pub mod base64;
pub mod delimited;
pub mod graphite;
pub mod histogram;
pub mod influx;
mod native;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod pen;
mod point;
mod protobuf;
pub mod push;
#[cfg(feature = "remote-write")]
pub mod remote_write;
pub mod text;

pub use accepted::Accepted;
pub use point::{Exemplar, Measured, Point, kind_by_name};
