//! What an operator chooses about the store.

use std::time::Duration;

use crate::cold::ColdConfig;
use crate::{BadMatcher, MatchOp, Matcher, NAME, Tier};

/// Times for which samples are kept in memory and on disk.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Samples as they came are kept this long. Default 7 days.
    pub raw_retention: Duration,
    /// One-minute points are kept this long. Default 30 days; zero keeps none.
    pub minute_retention: Duration,
    /// One-hour points are kept this long. Default one year; zero keeps none.
    pub hour_retention: Duration,
    /// Metrics that are kept for another time; the first rule that matches counts. Default none.
    pub rules: Vec<RetentionRule>,
    /// A series without a sample for this long leaves memory once its samples are in a block. Default 3 hours.
    pub idle_after: Duration,
    /// Time between the end of a two-hour window and its move to a block. Default 30 minutes, long enough for every
    /// active series to have been sealed by itself. Samples that come later make further blocks, which is dearer.
    pub block_delay: Duration,
    /// Rows of a group after which its open chunk is sealed. Default 120: twenty minutes at 10 s.
    pub chunk_rows: u32,
    /// Object store for old blocks. Default nowhere.
    pub cold: Option<ColdConfig>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            raw_retention: days(7),
            minute_retention: days(30),
            hour_retention: days(365),
            idle_after: Duration::from_secs(3 * 3600),
            block_delay: Duration::from_secs(30 * 60),
            chunk_rows: 120,
            cold: None,
            rules: Vec::new(),
        }
    }
}

impl StoreConfig {
    pub(crate) const fn retention(&self, tier: Tier) -> Duration {
        match tier {
            Tier::Raw => self.raw_retention,
            Tier::Minute => self.minute_retention,
            Tier::Hour => self.hour_retention,
        }
    }

    /// Time for which a tier keeps a metric: as the first rule that matches says.
    pub(crate) fn retention_of(&self, tier: Tier, name: &str) -> Duration {
        let rule = self.rules.iter().find(|rule| rule.name.accepts(name));
        rule.and_then(|rule| rule.kept[tier as usize]).unwrap_or_else(|| self.retention(tier))
    }

    /// Every retention of a tier that some metric may have.
    pub(crate) fn retentions(&self, tier: Tier) -> impl Iterator<Item = Duration> {
        let rules = self.rules.iter().filter_map(move |rule| rule.kept[tier as usize]);
        rules.chain([self.retention(tier)])
    }

    /// Longest time for which a tier keeps any metric.
    pub(crate) fn longest_retention(&self, tier: Tier) -> Duration {
        self.retentions(tier).max().unwrap_or_default()
    }
}

/// Retention of the metrics whose whole name matches.
#[derive(Clone, Debug)]
pub struct RetentionRule {
    name: Matcher,
    kept: [Option<Duration>; 3],
}

impl RetentionRule {
    /// A rule for a regular expression on metric names: by tier, finest first, how long points are kept. Zero keeps none in
    /// blocks; `None` is as long as for other metrics.
    ///
    /// # Errors
    /// [`BadMatcher`] when the expression does not compile.
    pub fn new(pattern: &str, kept: [Option<Duration>; 3]) -> Result<Self, BadMatcher> {
        Ok(Self { name: Matcher::new(NAME, MatchOp::Regex, pattern)?, kept })
    }
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}
