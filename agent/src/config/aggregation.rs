//! The table `[aggregation]`: how StatsD lines become series.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use weir_statsd::{AggregatorConfig, Idle, TimerUnit};

use super::value::Idleness;

/// As in the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Aggregation {
    prefix: String,
    global_tags: Vec<String>,
    allow_tags: Vec<String>,
    deny_tags: Vec<String>,
    relative_gauges: bool,
    repeat_gauges: bool,
    total_suffix: bool,
    timers: Timers,
    max_series: usize,
    max_series_per_metric: usize,
    idle_counters: Idleness,
    idle_gauges: Idleness,
    idle_distributions: Idleness,
    idle_sets: Idleness,
}

/// The aggregator's own, but for how long series may be idle.
impl Default for Aggregation {
    fn default() -> Self {
        let usual = AggregatorConfig::default();
        Self {
            prefix: usual.prefix,
            global_tags: usual.global_tags,
            allow_tags: usual.allow_tags,
            deny_tags: usual.deny_tags,
            relative_gauges: usual.relative_gauges,
            repeat_gauges: usual.repeat_gauges,
            total_suffix: usual.total_suffix,
            timers: Timers::Milliseconds,
            max_series: usual.max_series,
            max_series_per_metric: usual.max_series_per_metric,
            idle_counters: IDLE,
            idle_gauges: IDLE,
            idle_distributions: IDLE,
            idle_sets: IDLE,
        }
    }
}

/// The unit that timers are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Timers {
    Milliseconds,
    Seconds,
}

impl Aggregation {
    /// The same for an aggregator of this host.
    pub(crate) fn config(&self, host: &str, labels: &BTreeMap<String, String>, interval: Duration) -> AggregatorConfig {
        let Self { prefix, global_tags, allow_tags, deny_tags, .. } = self.clone();
        AggregatorConfig {
            prefix,
            host: Some(host.to_owned()),
            labels: labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            global_tags,
            allow_tags,
            deny_tags,
            relative_gauges: self.relative_gauges,
            repeat_gauges: self.repeat_gauges,
            total_suffix: self.total_suffix,
            timers: match self.timers {
                Timers::Seconds => TimerUnit::Seconds,
                Timers::Milliseconds => TimerUnit::Milliseconds,
            },
            idle: Idle {
                counters: self.idle_counters.windows(interval),
                gauges: self.idle_gauges.windows(interval),
                distributions: self.idle_distributions.windows(interval),
                sets: self.idle_sets.windows(interval),
            },
            max_series: self.max_series,
            max_series_per_metric: self.max_series_per_metric,
            ..AggregatorConfig::default()
        }
    }
}

/// PromQL's look-back, so that an idle counter shows as zero and then ends.
const IDLE: Idleness = Idleness(Duration::from_secs(300));
