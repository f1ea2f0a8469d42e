//! Where in the store a series is that brings samples with times of their own: judged and resolved once in a while, and
//! looked up for every record.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use weir_sample::{Kind, Timestamp};
use weir_store::Place;
use xxhash_rust::xxh3::xxh3_128;

/// What a series is known by: a sum over its labels, which may come in any order.
pub(crate) type Key = u128;

/// The share of one label in a key.
pub(crate) fn share(text: &str) -> Key {
    xxh3_128(text.as_bytes())
}

/// The key of the labels' sum within a tenant.
pub(crate) fn key(sum: Key, tenant: u32, kind: Kind) -> Key {
    sum.wrapping_add(Key::from(tenant) << 8 | kind as Key)
}

/// Places by series. What was not written to the store for an hour is forgotten.
#[derive(Default)]
pub(crate) struct Places {
    /// In the order in which they came first, which senders mostly keep to: then the next is looked for where it stands.
    known: Vec<Known>,
    /// Where among these a series is, by half of its key; the other half tells whether it is the one.
    index: HashMap<u64, u32, BuildHasherDefault<Low>>,
    next: usize,
    /// Series that a rule or a limit keeps out, and until when that stands.
    kept_out: HashMap<u64, u32, BuildHasherDefault<Low>>,
    /// Number of series at which those whose time is over are forgotten.
    sweep_at: usize,
}

#[derive(Clone, Copy)]
struct Known {
    key: Key,
    place: Place,
    until: u32,
}

/// What is known of a series.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Home {
    At(Place),
    Nowhere,
    Unknown,
}

/// Time in seconds for which a place stands: as with agents' plans, limits and accounts meet every series once in a while.
/// Half as much is added by chance, so that series that came together are not judged together ever after.
const STANDS: u32 = 1_800;

/// Series remembered before any is forgotten.
const LEAST: usize = 4_096;

impl Places {
    pub(crate) fn find(&mut self, key: Key, now: Timestamp) -> Home {
        let now = seconds(now);
        if let Some(known) = self.at(key).filter(|known| known.until > now) {
            return Home::At(known.place);
        }
        if self.kept_out.is_empty() || self.kept_out.get(&(key as u64)).is_none_or(|&until| until <= now) {
            return Home::Unknown;
        }
        Home::Nowhere
    }

    fn at(&mut self, key: Key) -> Option<&mut Known> {
        let at = match self.known.get(self.next).is_some_and(|known| known.key == key) {
            true => self.next,
            false => *self.index.get(&(key as u64))? as usize,
        };
        self.next = at + 1;
        self.known.get_mut(at).filter(|known| known.key == key)
    }

    /// Remembers a series; `None` is kept out.
    pub(crate) fn insert(&mut self, key: Key, place: Option<Place>, now: Timestamp) {
        if self.known.len() + self.kept_out.len() >= self.sweep_at.max(LEAST) {
            self.sweep(seconds(now));
        }
        let until = seconds(now) + STANDS + key as u32 % (STANDS / 2);
        let Some(place) = place else {
            self.at(key).into_iter().for_each(|known| known.until = 0);
            self.kept_out.insert(key as u64, until);
            return;
        };
        self.kept_out.remove(&(key as u64));
        match self.at(key) {
            Some(known) => (known.place, known.until) = (place, until),
            None => {
                self.index.insert(key as u64, self.known.len() as u32);
                self.known.push(Known { key, place, until });
            }
        }
    }

    /// Forgets the series whose time is over.
    fn sweep(&mut self, now: u32) {
        self.known.retain(|known| known.until > now);
        self.index.clear();
        self.index.extend(self.known.iter().map(|known| known.key as u64).zip(0..));
        self.kept_out.retain(|_, until| *until > now);
        self.sweep_at = 2 * (self.known.len() + self.kept_out.len());
    }

    /// Forgets all: other rules are in force.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn seconds(time: Timestamp) -> u32 {
    (time.millis() / 1_000) as u32
}

/// Keys are sums of hashes already.
#[derive(Default)]
pub(crate) struct Low(u64);

impl Hasher for Low {
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
    fn a_place_stands_for_a_while_and_another_takes_its_turn() {
        let (mut places, now) = (Places::default(), Timestamp::from_secs(1_000));
        let later = |seconds: i64| Timestamp::from_secs(1_000 + seconds);
        let half = 1u128 << 64;
        for key in 0..100 {
            places.insert(key, Some(Place::default()), now);
        }
        places.insert(7, None, now);
        // Two with one half of a key are not taken for one another.
        places.insert(half + 8, Some(Place::default()), now);
        let check =
            |places: &mut Places, key: Key, at: Timestamp, home: Home| assert!(places.find(key, at) == home, "{key}");
        check(&mut places, 0, now, Home::At(Place::default()));
        check(&mut places, 99, now, Home::At(Place::default()));
        check(&mut places, 1, later(i64::from(STANDS) - 1), Home::At(Place::default()));
        check(&mut places, 7, now, Home::Nowhere);
        check(&mut places, half + 8, now, Home::At(Place::default()));
        check(&mut places, half + 9, now, Home::Unknown);
        check(&mut places, 1, later(i64::from(STANDS) * 2), Home::Unknown);
        check(&mut places, 7, later(i64::from(STANDS) * 2), Home::Unknown);
        (1_000..100_000).for_each(|key| places.insert(key, Some(Place::default()), later(10_000)));
        assert!(places.known.iter().all(|known| known.key >= 1_000));
        check(&mut places, 50_000, later(10_000), Home::At(Place::default()));
    }
}
