//! How long which metric is kept in which tier, where that differs from what the others are.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::disk::blocks::BlockSet;
use crate::index::Index;
use crate::store::Inner;
use crate::{BadMatcher, MatchOp, Matcher, NAME, StoreConfig, Tier};

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

impl StoreConfig {
    /// How long a tier keeps a metric: as the first rule that matches says.
    pub(crate) fn retention_of(&self, tier: Tier, name: &str) -> Duration {
        let rule = self.rules.iter().find(|rule| rule.name.accepts(name));
        rule.and_then(|rule| rule.kept[tier as usize]).unwrap_or_else(|| self.retention(tier))
    }

    /// Every retention of a tier that some metric may have.
    pub(crate) fn retentions(&self, tier: Tier) -> impl Iterator<Item = Duration> {
        let rules = self.rules.iter().filter_map(move |rule| rule.kept[tier as usize]);
        rules.chain([self.retention(tier)])
    }

    /// How long a tier keeps anything.
    pub(crate) fn longest_retention(&self, tier: Tier) -> Duration {
        self.retentions(tier).max().unwrap_or_default()
    }
}

impl Inner {
    /// First instant that a metric is kept from; without a name, that most metrics are. As of the last maintenance.
    pub(crate) fn kept_since(&self, tier: Tier, name: Option<&str>) -> i64 {
        if self.config.rules.is_empty() {
            return i64::MIN;
        }
        let retention = name.map_or_else(|| self.config.retention(tier), |name| self.config.retention_of(tier, name));
        self.now.load(Relaxed).saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX))
    }

    /// The tier that answers a selection from `start` on. A metric that is named has its own retention.
    pub(crate) fn tier_for(&self, set: &BlockSet, start: i64, matchers: &[Matcher]) -> Tier {
        let name = matchers.iter().find_map(Matcher::exact_name);
        set.tier_for(start, |tier| self.kept_since(tier, name))
    }

    /// Metrics of an index whose samples up to `end` are past retention, by the bits that a name gives to identities.
    pub(crate) fn passed(&self, index: &Index, tier: Tier, end: i64) -> HashSet<u32> {
        if self.config.rules.is_empty() {
            return HashSet::new();
        }
        let names = index.pairs.label(NAME).into_iter().flat_map(|label| &label.pairs);
        let names = names.map(|&pair| index.pairs.pair(pair).value());
        names
            .filter(|name| end <= self.kept_since(tier, Some(name)))
            .map(|name| xxh3_64(name.as_bytes()) as u32)
            .collect()
    }
}
