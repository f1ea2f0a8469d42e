//! The series that an agent, or a tenant, has been let in with.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use weir_sample::{Series, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

/// Series by key, in two generations: what was not met for a whole one leaves.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    young: Keys,
    old: Keys,
    since: Option<Timestamp>,
}

/// Keys of series.
pub(crate) type Keys = HashSet<u64, BuildHasherDefault<Unchanged>>;

/// How long a generation lasts. Plans are made anew in less, so that a series that is still sent is met in each.
pub(crate) const GENERATION: Duration = Duration::from_secs(2 * 3_600);

/// What a series is known by here, today and after any restart.
pub(crate) fn key(series: &Series) -> u64 {
    xxh3_64(series.key().as_bytes())
}

impl Limit {
    /// Series let in.
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether the series may stay: it was let in before, or the limit is not `full`.
    pub(crate) fn enter(&mut self, key: u64, now: Timestamp, full: bool) -> bool {
        self.age(now);
        if self.young.contains(&key) {
            return true;
        }
        let known = self.old.remove(&key);
        if !known && full {
            return false;
        }
        self.young.insert(key);
        true
    }

    /// The bytes that [`Limit::decode`] takes: when the young generation began, and both. None for an empty limit.
    pub(crate) fn encode(&self) -> Vec<u8> {
        if self.len() == 0 {
            return Vec::new();
        }
        let mut out = self.since.unwrap_or_default().0.to_le_bytes().to_vec();
        out.extend((self.young.len() as u32).to_le_bytes());
        out.extend(self.young.iter().chain(&self.old).flat_map(|key| key.to_le_bytes()));
        out
    }

    /// Reads what [`Limit::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let (since, rest) = bytes.split_first_chunk()?;
        let (young, keys) = rest.split_first_chunk()?;
        let keys: Option<Vec<u64>> = keys.chunks(8).map(|key| Some(u64::from_le_bytes(key.try_into().ok()?))).collect();
        let keys = keys?;
        let (young, old) = keys.split_at_checked(u32::from_le_bytes(*young) as usize)?;
        let keys = |keys: &[u64]| keys.iter().copied().collect();
        Some(Self { young: keys(young), old: keys(old), since: Some(Timestamp(i64::from_le_bytes(*since))) })
    }

    fn age(&mut self, now: Timestamp) {
        let since = *self.since.get_or_insert(now);
        if now.since(since) >= GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.since = Some(now);
        }
    }
}

/// Keys are hashes already.
#[derive(Default)]
pub(crate) struct Unchanged(u64);

impl Hasher for Unchanged {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_stays_and_who_is_gone_makes_room() {
        let (mut limit, start) = (Limit::default(), Timestamp::from_secs(1_000));
        let later = |generations: u32| start.plus(GENERATION * generations);
        assert!(limit.enter(1, start, false) && limit.enter(2, start, false));
        assert!(!limit.enter(3, start, true) && limit.enter(1, start, true));
        assert!(limit.enter(1, later(1), true));
        assert_eq!(limit.len(), 2);
        assert!(limit.enter(1, later(2), true));
        assert_eq!(limit.len(), 1, "2 was not met for a generation");
    }

    #[test]
    fn a_saved_room_goes_on_as_it_was() {
        let (mut limit, start) = (Limit::default(), Timestamp::from_secs(1_000));
        assert_eq!(Limit::decode(&limit.encode()).unwrap().len(), 0);
        (0..3).for_each(|key| assert!(limit.enter(key, start, false)));
        assert!(limit.enter(1, start.plus(GENERATION), false) && limit.enter(7, start.plus(GENERATION), false));
        let mut saved = Limit::decode(&limit.encode()).unwrap();
        assert_eq!((saved.len(), &saved.young, &saved.old, saved.since), (4, &limit.young, &limit.old, limit.since));
        assert!(saved.enter(2, start.plus(GENERATION), true) && !saved.enter(9, start.plus(GENERATION), true));
        assert!(Limit::decode(&limit.encode()[..30]).is_none());
    }
}
