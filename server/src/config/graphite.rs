//! The section `[graphite]` of `weir.toml`.

use serde::Deserialize;
use weir_gateway::Network;

/// How Graphite's lines are taken. Where they are listened for is `listen.graphite`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GraphiteSettings {
    /// Networks whose connections are taken, in CIDR notation; all others are closed and counted. Default: loopback.
    pub networks: Vec<Network>,
}

impl Default for GraphiteSettings {
    fn default() -> Self {
        Self { networks: Network::loopback() }
    }
}
