//! The durable log between gateway and sink.
//!
//! Records enter by [`Log::append`], are safe once [`Log::wait_durable`] says so, and leave by [`Reader::poll`]. An embedded queue
//! is a root folder with one log folder per writer, so several gateways share a queue by sharing a root. At scale it is a
//! topic of Kafka's (`kafka/`). Nothing is ever reported durable before `fdatasync` returned, or the brokers said so, and no
//! position is ever used twice.

mod checkpoint;
mod embedded;
mod error;
#[cfg(feature = "kafka")]
pub mod kafka;
mod log;
mod parts;
mod polled;
mod reader;
mod record;
mod share;

pub use checkpoint::{Checkpoint, Position};
pub use embedded::{Follow, LogConfig, retire};
pub use error::Error;
pub use log::Log;
pub use parts::Parts;
pub use polled::Polled;
pub use reader::{Reader, Source};
pub use record::{Lane, MAX_PAYLOAD_BYTES, Record, RecordKind};
pub use share::Share;
