//! The gateway: receives sealed batches, authenticates them, makes them durable, and only then acknowledges them.
//!
//! Read in the order a batch travels: [`Gateway`] binds and starts; `intake` brings datagrams and frames to one ingest,
//! for which `open` authenticates and `shed` knows the room; the queue makes them durable; `acks` answers. A datagram
//! that does not authenticate is counted and never answered. StatsD, which nobody seals, has its own path in `statsd`.

mod acks;
mod clones;
mod config;
mod counters;
mod error;
mod gateway;
mod intake;
mod open;
mod refusers;
mod running;
mod shared;
mod shed;
mod statsd;

pub use config::{GatewayConfig, HttpStream, StreamConfig};
pub use error::Error;
pub use gateway::Gateway;
pub use open::Access;
pub use running::{Drained, Running};
pub use shed::{Class, ShedConfig};
pub use statsd::{Network, NotANetwork, StatsdConfig};
