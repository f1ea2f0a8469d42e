//! The durable log between gateway and sink.
//!
//! Records enter by [`Log::append`], are safe once [`Log::wait_durable`] says so, and leave by [`Reader::poll`]. A queue
//! is a root folder with one log folder per writer, so several gateways share a queue by sharing a root. Nothing is
//! ever reported durable before `fdatasync` returned, and no position is ever used twice.

mod checkpoint;
mod embedded;
mod error;
mod record;

pub use checkpoint::{Checkpoint, Position};
pub use embedded::{Follow, Log, LogConfig, Polled, Reader, retire};
pub use error::Error;
pub use record::{Lane, MAX_PAYLOAD_BYTES, Record, RecordKind};
