//! Which engines are asked: those of one tier, one copy of each share.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use weir_query::Tier;
use weir_sample::Timestamp;

use crate::config::EngineSettings;

/// The engines of one share and tier.
pub(super) struct Copies {
    pub engines: Vec<EngineSettings>,
    /// The one that answered last.
    chosen: AtomicUsize,
}

impl Copies {
    /// All of them, the one first that answered last.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (usize, &EngineSettings)> {
        let first = self.chosen.load(Relaxed);
        (0..self.engines.len()).map(move |at| {
            let at = (first + at) % self.engines.len();
            (at, &self.engines[at])
        })
    }

    pub(super) fn answered(&self, at: usize) {
        self.chosen.store(at, Relaxed);
    }
}

/// Engines by tier.
pub(super) struct Tiers(Vec<OfTier>);

/// The shares of one tier.
pub(super) struct OfTier {
    pub tier: Tier,
    keeps: Option<Duration>,
    pub shares: Vec<Copies>,
}

impl Tiers {
    pub(super) fn new(engines: &[EngineSettings]) -> Self {
        let mut tiers: Vec<OfTier> = Vec::new();
        for engine in engines {
            let tier = Tier::from(engine.tier);
            let at = tiers.iter().position(|of| of.tier == tier).unwrap_or_else(|| {
                tiers.push(OfTier { tier, keeps: engine.keeps, shares: Vec::new() });
                tiers.len() - 1
            });
            let of_tier = &mut tiers[at];
            // What only some have cannot be counted on.
            of_tier.keeps = of_tier.keeps.into_iter().chain(engine.keeps).min();
            match of_tier.shares.iter_mut().find(|copies| copies.engines[0].share == engine.share) {
                Some(copies) => copies.engines.push(engine.clone()),
                None => of_tier.shares.push(Copies { engines: vec![engine.clone()], chosen: AtomicUsize::new(0) }),
            }
        }
        tiers.sort_by_key(|of| of.tier);
        Self(tiers)
    }

    /// The finest tier that reaches back to `start`, or else what reaches furthest.
    pub(super) fn reaching(&self, start: Timestamp, now: Timestamp) -> Option<&OfTier> {
        let since = |of: &OfTier| of.keeps.map_or(Timestamp(i64::MIN), |keeps| now.minus(keeps));
        let furthest = self.0.iter().map(since).min()?;
        let wanted = start.max(furthest);
        self.0.iter().find(|of| since(of) <= wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EngineKind, TierName};

    fn engine(url: &str, tier: TierName, keeps: Option<u64>, share: &str) -> EngineSettings {
        EngineSettings {
            url: url.into(),
            kind: EngineKind::Prometheus,
            tier,
            keeps: keeps.map(|days| Duration::from_secs(days * 86_400)),
            share: share.into(),
            token_file: None,
            headers: Default::default(),
        }
    }

    #[test]
    fn the_finest_tier_that_reaches_is_asked_one_copy_of_each_share() {
        let tiers = Tiers::new(&[
            engine("h", TierName::Hour, Some(365), ""),
            engine("a", TierName::Raw, Some(7), "0"),
            engine("b", TierName::Raw, Some(7), "1"),
            engine("c", TierName::Raw, Some(8), "0"),
            engine("m", TierName::Minute, Some(30), ""),
        ]);
        let now = Timestamp::from_secs(1_000 * 86_400);
        let days = |days: u64| now.minus(Duration::from_secs(days * 86_400));
        let check = |ago: u64, tier: Tier| assert_eq!(tiers.reaching(days(ago), now).unwrap().tier, tier, "{ago}");
        check(0, Tier::Raw);
        check(7, Tier::Raw);
        check(8, Tier::Minute);
        check(31, Tier::Hour);
        check(700, Tier::Hour);
        let raw = tiers.reaching(now, now).unwrap();
        assert_eq!(raw.shares.iter().map(|copies| copies.engines.len()).collect::<Vec<_>>(), [2, 1]);
        let order = || raw.shares[0].in_order().map(|(_, engine)| engine.url.as_str()).collect::<Vec<_>>();
        assert_eq!(order(), ["a", "c"]);
        raw.shares[0].answered(1);
        assert_eq!(order(), ["c", "a"]);
        assert!(Tiers::new(&[]).reaching(now, now).is_none());
    }
}
