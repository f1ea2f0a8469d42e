//! The series that an agent, or a tenant, has been let in with.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::time::Duration;

use weir_sample::{Series, Timestamp};

/// Series by key, in two generations: what was not met for a whole one leaves.
#[derive(Debug, Default)]
pub(crate) struct Room {
    young: Keys,
    old: Keys,
    since: Option<Timestamp>,
}

/// Keys of series.
pub(crate) type Keys = HashSet<u64, BuildHasherDefault<Unchanged>>;

/// How long a generation lasts. Plans are made anew in less, so that a series that is still sent is met in each.
pub(crate) const GENERATION: Duration = Duration::from_secs(2 * 3_600);

/// What a series is known by here.
pub(crate) fn key(series: &Series) -> u64 {
    let mut hasher = DefaultHasher::new();
    series.key().hash(&mut hasher);
    hasher.finish()
}

impl Room {
    /// Series let in.
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether the series may stay: it was let in before, or the room is not `full`.
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
        let (mut room, start) = (Room::default(), Timestamp::from_secs(1_000));
        let later = |generations: u32| start.plus(GENERATION * generations);
        assert!(room.enter(1, start, false) && room.enter(2, start, false));
        assert!(!room.enter(3, start, true) && room.enter(1, start, true));
        assert!(room.enter(1, later(1), true));
        assert_eq!(room.len(), 2);
        assert!(room.enter(1, later(2), true));
        assert_eq!(room.len(), 1, "2 was not met for a generation");
    }
}
