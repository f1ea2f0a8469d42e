//! Sets of label pairs: the halves of series' labels, each kept once.

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use weir_sample::Kind;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::ids::{GroupId, PairId, SeriesId, SetId};
use super::pairs::{Half, Pairs};
use crate::matcher::NAME;

/// Some label pairs, and which groups have them.
struct Set {
    /// In the order of their labels.
    pairs: Box<[PairId]>,
    /// Kind of the series with this tail; gauge, and of no meaning, for common labels.
    kind: Kind,
    /// Sum of the pairs' hashes.
    sum: u128,
    /// The 32 bits that a metric's name gives to an identity.
    name: Option<u32>,
    members: RoaringBitmap,
}

/// Every set of one half.
#[derive(Default)]
pub(crate) struct Sets {
    sets: Vec<Option<Set>>,
    free: Vec<SetId>,
    lookup: HashTable<SetId>,
}

impl Sets {
    /// The set of these pairs, which must be in order; made if need be.
    pub(crate) fn intern(&mut self, pairs: &mut Pairs, half: Half, wanted: &[PairId], kind: Kind) -> SetId {
        let sets = &self.sets;
        let same =
            |&id: &SetId| sets[id as usize].as_ref().is_some_and(|set| set.kind == kind && *set.pairs == *wanted);
        if let Some(&id) = self.lookup.find(hash(wanted, kind), same) {
            return id;
        }
        let id = self.free.pop().unwrap_or(self.sets.len() as SetId);
        self.put(pairs, half, id, wanted, kind);
        id
    }

    fn put(&mut self, pairs: &mut Pairs, half: Half, id: SetId, wanted: &[PairId], kind: Kind) {
        pairs.link(wanted, id, half);
        let sum = wanted.iter().fold(0u128, |sum, &pair| sum.wrapping_add(pairs.pair(pair).hash()));
        let name = wanted.iter().map(|&pair| pairs.pair(pair)).find(|pair| pair.label() == NAME);
        let name = name.map(|pair| xxh3_64(pair.value().as_bytes()) as u32);
        let set = Set { pairs: wanted.into(), kind, sum, name, members: RoaringBitmap::new() };
        if self.sets.len() <= id as usize {
            self.sets.resize_with(id as usize + 1, || None);
        }
        self.sets[id as usize] = Some(set);
        let sets = &self.sets;
        let rehash = |&id: &SetId| sets[id as usize].as_ref().map_or(0, |set| hash(&set.pairs, set.kind));
        self.lookup.insert_unique(hash(wanted, kind), id, rehash);
    }

    fn set(&self, id: SetId) -> &Set {
        self.sets[id as usize].as_ref().expect("a group holds only sets that exist")
    }

    pub(crate) fn exists(&self, id: SetId) -> bool {
        self.sets.get(id as usize).is_some_and(Option::is_some)
    }

    pub(crate) fn pairs(&self, id: SetId) -> &[PairId] {
        &self.set(id).pairs
    }

    pub(crate) fn kind(&self, id: SetId) -> Kind {
        self.set(id).kind
    }

    pub(crate) fn sum(&self, id: SetId) -> u128 {
        self.set(id).sum
    }

    /// The bits that the metric's name gives to identities of series with this tail.
    pub(crate) fn name(&self, id: SetId) -> u32 {
        self.set(id).name.unwrap_or_default()
    }

    pub(crate) fn members(&self, id: SetId) -> &RoaringBitmap {
        &self.set(id).members
    }

    /// The identity of the series of this tail and a common half with that sum.
    pub(crate) fn id_with(&self, tail: SetId, common_sum: u128) -> SeriesId {
        let set = self.set(tail);
        identity(set.name.unwrap_or_default(), set.sum.wrapping_add(common_sum))
    }

    /// Every set's number.
    pub(crate) fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.sets.len() as u32);
        for &id in &self.free {
            all.remove(id);
        }
        all
    }

    /// Adds a group to those that have this set; whether that is new.
    pub(crate) fn join(&mut self, id: SetId, group: GroupId) -> bool {
        self.sets[id as usize].as_mut().is_some_and(|set| set.members.insert(group))
    }

    /// Removes a group from those that have this set. A set that no group has is dropped.
    pub(crate) fn leave(&mut self, id: SetId, group: GroupId, pairs: &mut Pairs, half: Half) -> bool {
        let Some(set) = &mut self.sets[id as usize] else { return false };
        let left = set.members.remove(group);
        if set.members.is_empty() {
            self.remove(id, pairs, half);
        }
        left
    }

    fn remove(&mut self, id: SetId, pairs: &mut Pairs, half: Half) {
        let Some(set) = self.sets[id as usize].take() else { return };
        if let Ok(entry) = self.lookup.find_entry(hash(&set.pairs, set.kind), |&other| other == id) {
            entry.remove();
        }
        pairs.unlink(&set.pairs, id, half);
        self.free.push(id);
    }

    /// Pairs and kinds by number, gaps included.
    pub(crate) fn contents(&self) -> impl ExactSizeIterator<Item = Option<(&[PairId], Kind)>> {
        self.sets.iter().map(|set| set.as_ref().map(|set| (&*set.pairs, set.kind)))
    }

    /// Restores what [`Sets::contents`] gave.
    pub(crate) fn restore(pairs: &mut Pairs, half: Half, contents: Vec<Option<(Vec<PairId>, Kind)>>) -> Self {
        let mut sets = Self::default();
        for (id, content) in contents.into_iter().enumerate() {
            match content {
                Some((wanted, kind)) => sets.put(pairs, half, id as SetId, &wanted, kind),
                None => {
                    sets.sets.push(None);
                    sets.free.push(id as SetId);
                }
            }
        }
        sets
    }
}

/// Puts an identity together. See [`SeriesId`].
pub(crate) fn identity(name: u32, sum: u128) -> SeriesId {
    // Sums of hashes are mixed once more, so that related label sets do not stand in arithmetic progressions.
    let mixed = xxh3_128(&sum.to_le_bytes());
    u128::from(name) << 96 | mixed >> 32
}

fn hash(pairs: &[PairId], kind: Kind) -> u64 {
    let mut hash = u64::from(kind as u8).wrapping_mul(SPREAD);
    for &pair in pairs {
        hash = (hash.rotate_left(23) ^ u64::from(pair)).wrapping_mul(SPREAD);
    }
    hash ^ hash >> 32
}

/// The golden ratio in 64 bits, odd.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use weir_sample::Series;

    #[test]
    fn sets_and_their_pairs_go_with_their_last_group() {
        let (mut pairs, mut sets, mut wanted) = (Pairs::default(), Sets::default(), Vec::new());
        pairs.intern_series(&Series::new("x", [("a", "1"), ("Z", "2")]), &mut wanted);
        let texts: Vec<String> = wanted.iter().map(|&pair| pairs.pair(pair).text().to_owned()).collect();
        assert_eq!(texts, ["Z\u{2}2", "__name__\u{2}x", "a\u{2}1"]);
        let id = sets.intern(&mut pairs, Half::Tail, &wanted, Kind::Gauge);
        assert_eq!(sets.intern(&mut pairs, Half::Tail, &wanted, Kind::Gauge), id);
        assert_ne!(sets.intern(&mut pairs, Half::Tail, &wanted, Kind::Counter), id);
        assert!(sets.join(id, 7) && !sets.join(id, 7));
        assert!(sets.leave(id, 7, &mut pairs, Half::Tail));
        assert_eq!(sets.all().len(), 1);
        assert!(pairs.find("a", "1").is_some());
        assert!(sets.join(1, 7) && sets.leave(1, 7, &mut pairs, Half::Tail));
        assert!(pairs.find("a", "1").is_none() && pairs.label("a").is_none());
    }
}
