//! The section `[store]` of `weir.toml`: how long which resolution is kept.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};
use weir_store::{MatchOp, Matcher, NAME, RetentionRule, StoreConfig};

use super::cold::ColdSettings;
use crate::clock::duration;
use crate::units;

/// How long samples are kept, and idle series in memory. Takes effect at a restart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreSettings {
    /// Hours that samples are kept as they came; 0 is refused.
    #[serde(alias = "raw_retention", deserialize_with = "units::hours")]
    pub raw_retention_h: u32,
    /// Hours that one-minute points are kept; 0 keeps none.
    #[serde(alias = "minute_retention", deserialize_with = "units::hours")]
    pub minute_retention_h: u32,
    /// Hours that one-hour points are kept; 0 keeps none.
    #[serde(alias = "hour_retention", deserialize_with = "units::hours")]
    pub hour_retention_h: u32,
    /// Hours without a sample after which a series leaves memory; less than 3 counts as 3.
    #[serde(alias = "idle_after", deserialize_with = "units::hours")]
    pub idle_after_h: u32,
    /// Metrics that are kept for another time; the first whose `match` fits counts.
    pub retention: Vec<Retention>,
    /// Where old blocks go. Left out: nowhere.
    pub cold: Option<ColdSettings>,
}

/// How long some metrics are kept. What is left out is as for the others; `"0"` keeps none once a window is over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// Regular expression that the whole metric name matches.
    #[serde(rename = "match")]
    pub name: String,
    /// Samples as they came.
    #[serde(default, deserialize_with = "kept")]
    pub raw: Option<Duration>,
    /// One-minute points.
    #[serde(default, rename = "1m", deserialize_with = "kept")]
    pub minute: Option<Duration>,
    /// One-hour points.
    #[serde(default, rename = "1h", deserialize_with = "kept")]
    pub hour: Option<Duration>,
}

fn kept<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    match String::deserialize(from)?.as_str() {
        "0" => Ok(Some(Duration::ZERO)),
        text => duration(text).map(Some).map_err(D::Error::custom),
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            raw_retention_h: 7 * 24,
            minute_retention_h: 30 * 24,
            hour_retention_h: 365 * 24,
            idle_after_h: 3,
            retention: Vec::new(),
            cold: None,
        }
    }
}

impl StoreSettings {
    /// How long raw samples are kept.
    pub(crate) fn raw_retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.raw_retention_h) * 3_600)
    }

    /// How long anything is kept.
    pub(crate) fn longest(&self) -> Duration {
        let longest_h = self.raw_retention_h.max(self.minute_retention_h).max(self.hour_retention_h);
        Duration::from_secs(u64::from(longest_h) * 3_600)
    }

    /// How long a metric is kept as it came, by the minute and by the hour: as the first rule that fits says.
    pub(crate) fn kept(&self, metric: &str) -> [Duration; 3] {
        let fits = |rule: &&Retention| {
            Matcher::new(NAME, MatchOp::Regex, &rule.name).is_ok_and(|matcher| matcher.accepts(metric))
        };
        let rule = self.retention.iter().find(fits);
        let of_rule = rule.map_or([None; 3], |rule| [rule.raw, rule.minute, rule.hour]);
        let usual = [self.raw_retention_h, self.minute_retention_h, self.hour_retention_h];
        let usual = usual.map(|hours| Duration::from_secs(u64::from(hours) * 3_600));
        [0, 1, 2].map(|tier| of_rule[tier].unwrap_or(usual[tier]))
    }

    /// What is wrong with them, if something is.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.raw_retention_h {
            0 => Err("store.raw_retention_h: 0 would keep no sample; 168 is usual".into()),
            _ if self.rules().is_err() => self.rules().map(drop),
            _ => self.cold.as_ref().map_or(Ok(()), ColdSettings::check),
        }
    }

    /// The store's configuration, with the object store opened.
    pub(crate) fn open(&self) -> anyhow::Result<StoreConfig> {
        let cold = self.cold.as_ref().map(ColdSettings::open).transpose()?;
        Ok(StoreConfig { cold, rules: self.rules().map_err(anyhow::Error::msg)?, ..StoreConfig::from(self) })
    }

    fn rules(&self) -> Result<Vec<RetentionRule>, String> {
        let rule = |rule: &Retention| {
            let kept = [rule.raw, rule.minute, rule.hour];
            RetentionRule::new(&rule.name, kept).map_err(|error| format!("store.retention: {error}"))
        };
        self.retention.iter().map(rule).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_read_by_pattern_and_mistakes_are_refused() {
        let read = |text: &str| toml::from_str::<StoreSettings>(text);
        let settings = read("[[retention]]\nmatch = 'jobs_.*'\nraw = '1d'\n1m = '0'").unwrap();
        let Retention { raw, minute, hour, .. } = settings.retention[0];
        assert_eq!((raw, minute, hour), (Some(Duration::from_secs(86_400)), Some(Duration::ZERO), None));
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        assert_eq!(settings.kept("jobs_done"), [hours(24), Duration::ZERO, hours(365 * 24)]);
        assert_eq!(settings.kept("jobs"), [hours(7 * 24), hours(30 * 24), hours(365 * 24)]);
        assert_eq!((settings.check(), settings.open().unwrap().rules.len()), (Ok(()), 1));
        let settings = read("[[retention]]\nmatch = 'jobs_('").unwrap();
        assert!(settings.check().unwrap_err().starts_with("store.retention: "));
        assert!(read("[[retention]]\nraw = '1d'").is_err() && read("[[retention]]\nmatch = 'a'\nraw = '1q'").is_err());
    }
}
