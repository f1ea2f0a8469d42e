//! The section `[statsd]` of `weir.toml`: how a gateway takes StatsD.

use std::net::SocketAddr;

use serde::Deserialize;
use weir_gateway::{Network, StatsdConfig};

use crate::units;

/// How StatsD lines are taken. Where they are listened for is `listen.statsd`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StatsdSettings {
    /// Networks whose lines are taken, in CIDR notation; lines of all others are refused and counted. Default: loopback.
    pub networks: Vec<Network>,
    /// Receiving threads. One, the default, takes millions of lines a second; with more, which of several clients'
    /// values of one gauge stands at a window's end is open. 0 means 1.
    pub threads: usize,
    /// Receive buffer to ask for; the kernel grants up to net.core.rmem_max. 0 keeps the system's default.
    #[serde(alias = "receive_buffer", deserialize_with = "units::bytes")]
    pub receive_buffer_bytes: usize,
    /// Put before every metric name, as it is. Default: nothing.
    pub prefix: String,
    /// Whether counter names end in `_total`. Default: no, the name that was sent is the name that is looked for.
    pub total_suffix: bool,
    /// Whether `+1` and `-1` adjust a gauge rather than set it. Default: yes.
    pub relative_gauges: bool,
    /// Tag names that are kept; none, the default, keeps all.
    pub allow_tags: Vec<String>,
    /// Tag names that are dropped.
    pub deny_tags: Vec<String>,
    /// Series held at once, per thread; further ones fold into `__overflow__`. Default: 100,000. 0 folds all.
    pub max_series: usize,
    /// Series of one metric name held at once, per thread. Default: 20,000. 0 means no such limit.
    pub max_series_per_metric: usize,
}

impl Default for StatsdSettings {
    fn default() -> Self {
        let usual = StatsdConfig::at(([127, 0, 0, 1], 8125).into());
        Self {
            networks: usual.networks,
            threads: usual.threads,
            receive_buffer_bytes: usual.receive_buffer_bytes,
            prefix: usual.aggregator.prefix,
            total_suffix: usual.aggregator.total_suffix,
            relative_gauges: usual.aggregator.relative_gauges,
            allow_tags: usual.aggregator.allow_tags,
            deny_tags: usual.aggregator.deny_tags,
            max_series: usual.aggregator.max_series,
            max_series_per_metric: usual.aggregator.max_series_per_metric,
        }
    }
}

impl StatsdSettings {
    /// These settings, as the gateway wants them.
    pub(crate) fn at(&self, address: SocketAddr) -> StatsdConfig {
        let mut config = StatsdConfig::at(address);
        config.networks.clone_from(&self.networks);
        (config.threads, config.receive_buffer_bytes) = (self.threads, self.receive_buffer_bytes);
        let aggregator = &mut config.aggregator;
        aggregator.prefix.clone_from(&self.prefix);
        aggregator.total_suffix = self.total_suffix;
        aggregator.relative_gauges = self.relative_gauges;
        aggregator.allow_tags.clone_from(&self.allow_tags);
        aggregator.deny_tags.clone_from(&self.deny_tags);
        aggregator.max_series = self.max_series;
        aggregator.max_series_per_metric = self.max_series_per_metric;
        config
    }
}
