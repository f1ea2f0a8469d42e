//! How long which metric is kept in which tier, where that differs from what the others are.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use xxhash_rust::xxh3::xxh3_64;

use crate::disk::blocks::BlockSet;
use crate::index::Index;
use crate::store::Inner;
use crate::{Matcher, NAME, Tier};

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
