//! `[store]` of `weir.toml`: how long which resolution is kept.

use std::time::Duration;

use serde::Deserialize;
use weir_store::StoreConfig;

use super::cold::ColdSettings;

/// How long samples are kept, and idle series in memory. Takes effect at a restart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreSettings {
    /// Hours that samples are kept as they came; 0 is refused.
    pub raw_retention_h: u32,
    /// Hours that one-minute points are kept; 0 keeps none.
    pub minute_retention_h: u32,
    /// Hours that one-hour points are kept; 0 keeps none.
    pub hour_retention_h: u32,
    /// Hours without a sample after which a series leaves memory; less than 3 counts as 3.
    pub idle_after_h: u32,
    /// Where old blocks go. Left out: nowhere.
    pub cold: Option<ColdSettings>,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            raw_retention_h: 7 * 24,
            minute_retention_h: 30 * 24,
            hour_retention_h: 365 * 24,
            idle_after_h: 3,
            cold: None,
        }
    }
}

impl StoreSettings {
    /// How long anything is kept.
    pub(crate) fn longest(&self) -> Duration {
        let longest_h = self.raw_retention_h.max(self.minute_retention_h).max(self.hour_retention_h);
        Duration::from_secs(u64::from(longest_h) * 3_600)
    }

    /// What is wrong with them, if something is.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.raw_retention_h {
            0 => Err("store.raw_retention_h: 0 would keep no sample; 168 is usual".into()),
            _ => self.cold.as_ref().map_or(Ok(()), ColdSettings::check),
        }
    }

    /// The store's configuration, with the object store opened.
    pub(crate) fn open(&self) -> anyhow::Result<StoreConfig> {
        let cold = self.cold.as_ref().map(ColdSettings::open).transpose()?;
        Ok(StoreConfig { cold, ..StoreConfig::from(self) })
    }
}

impl From<&StoreSettings> for StoreConfig {
    fn from(settings: &StoreSettings) -> Self {
        let hours = |count: u32| Duration::from_secs(u64::from(count) * 3_600);
        Self {
            raw_retention: hours(settings.raw_retention_h),
            minute_retention: hours(settings.minute_retention_h),
            hour_retention: hours(settings.hour_retention_h),
            idle_after: hours(settings.idle_after_h.max(3)),
            ..Self::default()
        }
    }
}
