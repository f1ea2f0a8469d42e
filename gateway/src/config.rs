//! How a gateway is set up.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use weir_link::{ServerStream, ServerTls};

use crate::StatsdConfig;

/// Addresses and bounds of a gateway.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Where sealed batches arrive by UDP and, with TLS configured, streams by TCP. Port 0 takes a free one.
    pub batch: SocketAddr,
    /// Threads that receive datagrams, each with a socket of its own on the shared port. Zero means one.
    pub receivers: usize,
    /// Receive buffer to ask for, per socket. Zero keeps the system's default.
    pub receive_buffer_bytes: usize,
    /// Derived session keys kept, over all receivers; about 1 KiB each. An agent that is not among them costs a
    /// derivation per datagram.
    pub cached_sessions: usize,
    /// TLS streams on the same port number. `None`: datagrams only.
    pub streams: Option<StreamConfig>,
    /// StatsD by UDP, unsealed. `None`: not listened for.
    pub statsd: Option<StatsdConfig>,
    /// Bound on this process's resident memory. Near it agents are asked to slow down and batches are turned away, bulk
    /// first; at it the gateway is not ready. Caches of sessions and connections get a quarter of it each at most. Zero,
    /// the default, means no bound; give one where the gateway is a process of its own, at least 128 MiB.
    pub memory_bytes: u64,
    /// CPU cores at which this process counts as full. Zero, the default, takes the quota of its control group, or the
    /// CPUs it may run on. Nothing is held back by it: it is what [`crate::Running::saturation`] refers to.
    pub cpu_cores: f64,
    /// How far past this machine's clock a window may end. Beyond it the batch is refused and its agent told the time.
    /// Zero means no limit.
    pub clock_ahead: Duration,
    /// A drain ends when nothing has arrived for this long …
    pub quiet: Duration,
    /// … or after this long, whatever arrives.
    pub drain_deadline: Duration,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            batch: SocketAddr::from((Ipv4Addr::LOCALHOST, 8640)),
            receivers: 2,
            receive_buffer_bytes: 8 << 20,
            cached_sessions: 200_000,
            streams: None,
            statsd: None,
            memory_bytes: 0,
            cpu_cores: 0.0,
            clock_ahead: Duration::from_secs(60),
            quiet: Duration::from_secs(2),
            drain_deadline: Duration::from_secs(25),
        }
    }
}

/// How streams are accepted.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    /// The server's identity.
    pub tls: Arc<ServerTls>,
    /// Connections at a time; more are closed at once. About 30 KiB each.
    pub max_connections: usize,
    /// The largest frame taken.
    pub max_frame_bytes: usize,
    /// How long a handshake, a token or the rest of a frame may take.
    pub patience: Duration,
    /// How long a connection may be silent.
    pub idle: Duration,
    /// Takes the connections that speak HTTP; without, they are refused.
    pub http: Option<flume::Sender<HttpStream>>,
}

/// A connection whose client speaks HTTP, and who that is.
pub type HttpStream = (ServerStream, SocketAddr);

impl StreamConfig {
    /// The usual bounds.
    pub fn new(tls: Arc<ServerTls>) -> Self {
        Self {
            tls,
            max_connections: 10_000,
            max_frame_bytes: 64 << 10,
            patience: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            http: None,
        }
    }
}
