//! The gateway: receives sealed batches, authenticates them, makes them durable, and only then acknowledges them.
//!
//! Read in the order a batch travels: [`Gateway`] binds and starts; `receiver` takes datagrams and `admission` opens
//! them, `streams` takes frames of the same; the queue makes them durable; `acks` answers. A datagram that does not
//! authenticate is counted and never answered. StatsD, which nobody seals, has its own path in `statsd`.

mod acks;
mod admission;
mod config;
mod connection;
mod counters;
mod error;
mod gate;
mod gateway;
mod intake;
mod receiver;
mod running;
mod session_cache;
mod shared;
mod sockets;
mod statsd;
mod streams;

pub use admission::Admission;
pub use config::GatewayConfig;
pub use error::Error;
pub use gate::{Class, GateConfig};
pub use gateway::Gateway;
pub use running::{Drained, Running};
pub use statsd::{Network, NotANetwork, StatsdConfig};
pub use streams::{HttpStream, StreamConfig};
