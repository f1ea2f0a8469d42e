//! The section `[events]` of `weir.toml`.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use weir_sink::EventsConfig;

/// How many of DogStatsD's events and service checks a sink keeps, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventsSettings {
    /// Days for which they are kept. 0 is refused. Default: 30.
    pub keep_days: u32,
    /// Events of one tenant in a minute; what is more is left out and counted. 0 keeps none. Default: 6,000.
    pub per_minute: u32,
    /// Bytes of one tenant's events in a day; what is more is left out and counted. Default: 16 MiB.
    pub day_bytes: u64,
}

const DAY: Duration = Duration::from_secs(86_400);

impl EventsSettings {
    /// Says what is wrong with the settings, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.keep_days {
            0 => {
                Err("events.keep_days: 0 would delete events at once; 30 is usual, and per_minute = 0 keeps none"
                    .into())
            }
            _ => Ok(()),
        }
    }

    /// The same for a sink whose data are in this folder.
    pub(crate) fn kept_in(&self, data: &Path) -> EventsConfig {
        EventsConfig {
            folder: data.join("events"),
            keep: DAY.saturating_mul(self.keep_days),
            per_minute: self.per_minute,
            day_bytes: self.day_bytes,
        }
    }
}

impl Default for EventsSettings {
    fn default() -> Self {
        let EventsConfig { keep, per_minute, day_bytes, .. } = EventsConfig::at("events".into());
        Self { keep_days: (keep.as_secs() / DAY.as_secs()) as u32, per_minute, day_bytes }
    }
}
