//! The section `[query]` of `weir.toml`.

use std::time::Duration;

use serde::Deserialize;
use weir_query::{Engine, Limits, ResultCache};

use super::engines::EngineSettings;
use crate::units;

/// What questions may cost. A query that meets a limit ends with an error that names it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuerySettings {
    /// Series that one query may read. Default: 20,000,000.
    pub max_series: usize,
    /// Samples that one query may read. Default: 2,000,000,000.
    pub max_samples: usize,
    /// MiB that one query may keep in memory, its answer included. Default: 1,024.
    #[serde(alias = "max_memory", deserialize_with = "units::mebibytes")]
    pub max_memory_mb: usize,
    /// MiB that all queries in flight may keep; past it queries get 503. Give it what storage leaves. Default: 2,048.
    #[serde(alias = "max_memory_of_all", deserialize_with = "units::mebibytes")]
    pub max_memory_of_all_mb: usize,
    /// Bytes of one label's value that a query makes. Default: 65,536.
    #[serde(alias = "max_label", deserialize_with = "units::bytes")]
    pub max_label_bytes: usize,
    /// MiB of one answer's text. Default: 1,024.
    #[serde(alias = "max_answer", deserialize_with = "units::mebibytes")]
    pub max_answer_mb: usize,
    /// Queries that may wait for one of the eight turns; past it they get 503. Default: 200.
    pub max_waiting: usize,
    /// Seconds that a query may take, waiting for its turn included; its parameter `timeout` can only make it shorter.
    /// Default: 120.
    #[serde(alias = "timeout", deserialize_with = "units::seconds")]
    pub timeout_s: u64,
    /// Whether metric names go at the end of a query, as under Prometheus' feature of this name, rather than in each operator
    /// that changes what they say. Default: false.
    pub delayed_name_removal: bool,
    /// MiB for values of range queries, so that a dashboard that is asked again evaluates what is new. Default: 256; 0 keeps
    /// none.
    #[serde(alias = "cache", deserialize_with = "units::mebibytes")]
    pub cache_mb: usize,
    /// Of `weir front`: the copies that it asks, such as `http://sink-a:8641`.
    pub copies: Vec<String>,
    /// Of `weir front`: engines whose samples it evaluates over by itself.
    #[serde(rename = "engine")]
    pub engines: Vec<EngineSettings>,
    /// Of a front over engines: whether an answer may lack what an engine that does not answer has, and says so; else it is refused.
    pub partial: bool,
}

impl QuerySettings {
    /// Says what is wrong with the settings, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(wrong) = self.copies.iter().find(|url| !url.starts_with("http://") && !url.starts_with("https://"))
        {
            return Err(format!("query.copies: {wrong:?} is no address: write http://sink-a:8641"));
        }
        self.engines.iter().try_for_each(EngineSettings::check)?;
        if !self.engines.is_empty() && !self.copies.is_empty() {
            return Err(
                "query.copies, query.engine: a front asks copies, or evaluates over engines; leave one out".into()
            );
        }
        let limits = [
            ("max_series", self.max_series),
            ("max_samples", self.max_samples),
            ("max_memory_mb", self.max_memory_mb),
            ("max_memory_of_all_mb", self.max_memory_of_all_mb),
            ("max_label_bytes", self.max_label_bytes),
            ("max_answer_mb", self.max_answer_mb),
            ("timeout_s", self.timeout_s as usize),
        ];
        match limits.iter().find(|(_, limit)| *limit == 0) {
            Some((name, _)) => Err(format!("query.{name}: 0 would refuse every query; leave it out for the default")),
            None => Ok(()),
        }
    }

    /// The engine that answers queries.
    pub(crate) fn engine(&self) -> Engine {
        let engine = Engine::new(self.limits());
        match self.cache_mb {
            0 => engine,
            mb => engine.with_cache(ResultCache::new(mb.saturating_mul(1 << 20))),
        }
    }

    /// The limits of the engine.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            series: self.max_series,
            samples: self.max_samples,
            memory_bytes: self.max_memory_mb.saturating_mul(1 << 20),
            all_memory_bytes: self.max_memory_of_all_mb.saturating_mul(1 << 20),
            label_bytes: self.max_label_bytes,
            answer_bytes: self.max_answer_mb.saturating_mul(1 << 20),
            waiting: self.max_waiting,
            time: Duration::from_secs(self.timeout_s),
            delayed_name_removal: self.delayed_name_removal,
            ..Limits::default()
        }
    }
}

impl Default for QuerySettings {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            max_series: limits.series,
            max_samples: limits.samples,
            max_memory_mb: limits.memory_bytes >> 20,
            max_memory_of_all_mb: limits.all_memory_bytes >> 20,
            max_label_bytes: limits.label_bytes,
            max_answer_mb: limits.answer_bytes >> 20,
            max_waiting: limits.waiting,
            timeout_s: limits.time.as_secs(),
            delayed_name_removal: limits.delayed_name_removal,
            cache_mb: 256,
            copies: Vec::new(),
            engines: Vec::new(),
            partial: false,
        }
    }
}
