//! What acks say of their gateway's clock, until the agent's own is compared with it.

use std::net::SocketAddr;
use std::time::Duration;

use weir_sample::Timestamp;

/// A gateway's clock, and when it was heard by the time since the boot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub gateway: SocketAddr,
    pub server: Timestamp,
    pub since_boot: Duration,
}
