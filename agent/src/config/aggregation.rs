//! The table `[aggregation]`: how StatsD lines become series.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use weir_statsd::{AggregatorConfig, Idle, TimerUnit};

use super::value::Idleness;

/// As in the file; what is left out takes the default that the example file tells.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Aggregation {
    prefix: Option<String>,
    global_tags: Option<Vec<String>>,
    allow_tags: Option<Vec<String>>,
    deny_tags: Option<Vec<String>>,
    relative_gauges: Option<bool>,
    repeat_gauges: Option<bool>,
    total_suffix: Option<bool>,
    timers: Option<Timers>,
    max_series: Option<usize>,
    max_series_per_metric: Option<usize>,
    idle_counters: Option<Idleness>,
    idle_gauges: Option<Idleness>,
    idle_distributions: Option<Idleness>,
    idle_sets: Option<Idleness>,
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
        let default = AggregatorConfig::default();
        let idle = |set: Option<Idleness>| set.unwrap_or(IDLE).windows(interval);
        AggregatorConfig {
            prefix: self.prefix.clone().unwrap_or(default.prefix),
            host: Some(host.to_owned()),
            labels: labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            global_tags: self.global_tags.clone().unwrap_or(default.global_tags),
            allow_tags: self.allow_tags.clone().unwrap_or(default.allow_tags),
            deny_tags: self.deny_tags.clone().unwrap_or(default.deny_tags),
            relative_gauges: self.relative_gauges.unwrap_or(default.relative_gauges),
            repeat_gauges: self.repeat_gauges.unwrap_or(default.repeat_gauges),
            total_suffix: self.total_suffix.unwrap_or(default.total_suffix),
            timers: match self.timers {
                Some(Timers::Seconds) => TimerUnit::Seconds,
                Some(Timers::Milliseconds) | None => TimerUnit::Milliseconds,
            },
            idle: Idle {
                counters: idle(self.idle_counters),
                gauges: idle(self.idle_gauges),
                distributions: idle(self.idle_distributions),
                sets: idle(self.idle_sets),
            },
            max_series: self.max_series.unwrap_or(default.max_series),
            max_series_per_metric: self.max_series_per_metric.unwrap_or(default.max_series_per_metric),
            max_events: default.max_events,
        }
    }
}

/// PromQL's look-back, so that an idle counter shows as zero and then ends.
const IDLE: Idleness = Idleness(Duration::from_secs(300));
