//! `[[query.engine]]` of `weir.toml`: engines that a front evaluates over.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::written::TierName;
use crate::clock::read_some_duration;

/// One engine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineSettings {
    /// Its address: what comes before `/api/v1`.
    pub url: String,
    /// What it is. Default: anything with Prometheus' API, sinks too.
    #[serde(default)]
    pub kind: EngineKind,
    /// What a sink has written to it. Default: raw samples.
    #[serde(default)]
    pub tier: TierName,
    /// How far back it has samples. Default: for ever.
    #[serde(default, deserialize_with = "read_some_duration")]
    pub keeps: Option<Duration>,
    /// Which part of all series it has: engines of one share are copies of each other, and of each share one is asked. Default: all.
    #[serde(default)]
    pub share: String,
    /// File of a bearer token.
    pub token_file: Option<PathBuf>,
    /// Further headers, such as a tenant's.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// What an engine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EngineKind {
    /// It has Prometheus' API.
    #[default]
    Prometheus,
    /// It also exports, which is faster and has every sample.
    VictoriaMetrics,
}

impl EngineSettings {
    /// What is wrong with it, if something is.
    pub(in crate::config) fn check(&self) -> Result<(), String> {
        match ["http://", "https://"].iter().any(|scheme| self.url.starts_with(scheme)) {
            true => Ok(()),
            false => Err(format!("query.engine: {:?} is no address: write http://victoria-metrics:8428", self.url)),
        }
    }
}
