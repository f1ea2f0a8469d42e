//! The section `[gateway]` of `weir.toml`: threads, bounds and patience of a gateway.

use std::time::Duration;

use serde::Deserialize;
use weir_gateway::GatewayConfig;

use crate::units;

/// How a gateway works. Where it listens is in `[listen]`, what it lets in is in `[admission]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GatewaySettings {
    /// Threads that receive batches, each with a socket. Default: 2, which take about 700,000 datagrams a second. 0 means 1.
    pub receivers: usize,
    /// Receive buffer to ask for, per socket; the kernel grants up to net.core.rmem_max. 0 keeps the system's default.
    #[serde(alias = "receive_buffer", deserialize_with = "units::bytes")]
    pub receive_buffer_bytes: usize,
    /// Bound on the process's resident memory: near it agents slow down and batches are turned away, bulk first. Default:
    /// 0, no bound. For a gateway that is a process of its own; at least 128 MiB.
    #[serde(alias = "memory", deserialize_with = "units::bytes")]
    pub memory_bytes: u64,
    /// CPU cores at which this process counts as full in weir_gateway_saturation_ratio; it may use more where there are
    /// more. Default: 0, the quota of its control group (a container's CPU limit), or the CPUs it may run on.
    pub cpu_cores: f64,
    /// The most that its log in the queue may take on disk. Batches are turned away from 60 % on, bulk first. Default: half
    /// of what the disk has free at the start, what the log has already included, and at least 256 MiB. 0: no bound but
    /// the disk. Several gateways on one disk need bounds that fit together.
    #[serde(alias = "disk", deserialize_with = "units::some_bytes")]
    pub disk_bytes: Option<u64>,
    /// Seconds that a window may end past this machine's clock; beyond it the batch is refused and its agent told the
    /// time. Default: 60. 0 means no limit.
    #[serde(alias = "clock_ahead", deserialize_with = "units::seconds")]
    pub clock_ahead_s: u64,
    /// Seconds that a drain takes at most. Default: 25.
    #[serde(alias = "drain", deserialize_with = "units::seconds")]
    pub drain_s: u64,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        let usual = GatewayConfig::default();
        Self {
            receivers: usual.receivers,
            receive_buffer_bytes: usual.receive_buffer_bytes,
            memory_bytes: usual.memory_bytes,
            cpu_cores: usual.cpu_cores,
            disk_bytes: None,
            clock_ahead_s: usual.clock_ahead.as_secs(),
            drain_s: usual.drain_deadline.as_secs(),
        }
    }
}

impl GatewaySettings {
    /// Says what is wrong with the settings, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.cpu_cores.is_finite() && self.cpu_cores >= 0.0 {
            true => Ok(()),
            false => Err(format!("gateway.cpu_cores: {} is no number of cores; 0.5 is half of one", self.cpu_cores)),
        }
    }

    /// These settings; all else as usual.
    pub(crate) fn config(&self) -> GatewayConfig {
        GatewayConfig {
            receivers: self.receivers,
            receive_buffer_bytes: self.receive_buffer_bytes,
            memory_bytes: self.memory_bytes,
            cpu_cores: self.cpu_cores,
            clock_ahead: Duration::from_secs(self.clock_ahead_s),
            drain_deadline: Duration::from_secs(self.drain_s),
            ..GatewayConfig::default()
        }
    }
}
