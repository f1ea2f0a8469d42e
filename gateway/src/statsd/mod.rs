//! StatsD at the gateway: lines in, one partial per series and window into the queue.
//!
//! ```text
//! socket ──reader──▶ Gatherer (aggregates a window) ──Part──▶ Publisher (merges, encodes) ──▶ queue
//! ```
//! The series carry no `host`, so they are shared: the sink merges by (series, window) what several gateways saw. Lines
//! have no ack; from the socket on, nothing that was taken is dropped while the process lives and the queue recovers.

mod counters;
mod gatherer;
mod network;
mod publisher;
mod reader;

use std::{net::SocketAddr, time::Duration};

use weir_statsd::AggregatorConfig;

pub use network::{Network, NotANetwork};

pub(crate) use counters::Counters;
pub(crate) use gatherer::{Gatherer, Part, Point};
pub(crate) use publisher::Publisher;
pub(crate) use reader::Reader;

/// How StatsD is listened for.
#[derive(Clone, Debug)]
pub struct StatsdConfig {
    /// Where lines arrive by UDP. Port 0 takes a free one.
    pub addresses: Vec<SocketAddr>,
    /// Networks whose lines are taken; all others are refused and counted. Default: loopback.
    pub networks: Vec<Network>,
    /// Threads per address, each with a socket of its own on the shared port and a window of its own. Zero means one,
    /// the default, which takes several million lines a second. With more, the clients of one gauge may meet different
    /// threads; of their values the one of the latest second stands at the window's end.
    pub threads: usize,
    /// Receive buffer to ask for, per socket. Zero keeps the system's default.
    pub receive_buffer_bytes: usize,
    /// Length of a window.
    pub interval: Duration,
    /// How lines become series. Series limits hold per thread.
    pub aggregator: AggregatorConfig,
}

impl StatsdConfig {
    /// The usual settings on one address.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            addresses: vec![address],
            networks: Network::loopback(),
            threads: 1,
            receive_buffer_bytes: 32 << 20,
            interval: Duration::from_secs(10),
            aggregator: AggregatorConfig { repeat_gauges: false, ..AggregatorConfig::default() },
        }
    }
}
