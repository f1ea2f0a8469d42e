//! The section `[sink]` of `weir.toml`.

use std::time::Duration;

use serde::Deserialize;

use super::engines::{BackendSettings, backends};
use crate::units;

/// When the sink makes its work durable and shared windows visible.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SinkConfig {
    /// Seconds between checkpoints. Shorter makes restarts quicker and the disk busier; 0 is refused.
    #[serde(alias = "checkpoint_interval", deserialize_with = "units::seconds")]
    pub checkpoint_interval_s: u64,
    /// Seconds that a window of a shared series waits for late parts after its end. 0 closes at once.
    #[serde(alias = "lateness", deserialize_with = "units::seconds")]
    pub lateness_s: u64,
    /// Hours of silence after which an agent is forgotten; what it then brings of older windows is left out, because it
    /// may have been counted. 0 is refused. Default: 168, as long as raw samples are kept.
    #[serde(alias = "forget_agents_after", deserialize_with = "units::hours")]
    pub forget_agents_after_h: u64,
    /// The same for short-lived jobs, which try for an hour; less than 2 is refused. Default: 2.
    #[serde(alias = "forget_jobs_after", deserialize_with = "units::hours")]
    pub forget_jobs_after_h: u64,
    /// Exemplars in memory, the oldest of which make room for new ones; each takes about 300 bytes. 0 keeps none. Default: 100,000.
    pub max_exemplars: usize,
    /// Other engines that get what is stored. Default: none.
    #[serde(rename = "backend")]
    pub backends: Vec<BackendSettings>,
}

impl SinkConfig {
    /// Says what is wrong with the settings, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.checkpoint_interval_s == 0 {
            return Err("sink.checkpoint_interval_s: 0 would checkpoint without pause; give at least 1".into());
        }
        if self.forget_agents_after_h == 0 {
            return Err("sink.forget_agents_after_h: 0 would forget agents between two batches; 168 is usual".into());
        }
        if self.forget_jobs_after_h < 2 {
            return Err("sink.forget_jobs_after_h: jobs try for an hour; give at least 2".into());
        }
        backends(&self.backends).map(drop)
    }

    /// How long silent senders are remembered: not shorter than the sessions that their tokens' limits and labels are for.
    pub(crate) fn memory(&self, session_lifetime_s: u64) -> weir_sink::Memory {
        let hours =
            |hours: u64| Duration::from_secs(hours.saturating_mul(3_600).max(session_lifetime_s.saturating_add(3_600)));
        weir_sink::Memory { agents: hours(self.forget_agents_after_h), jobs: hours(self.forget_jobs_after_h) }
    }
}

impl Default for SinkConfig {
    fn default() -> Self {
        Self {
            checkpoint_interval_s: 30,
            lateness_s: 30,
            forget_agents_after_h: 168,
            forget_jobs_after_h: 2,
            max_exemplars: weir_sink::USUAL_EXEMPLARS,
            backends: Vec::new(),
        }
    }
}
