//! A share of the agents, with their groups. One lock each, so that a reader holds up a writer only for a series.

use std::collections::HashMap;
use std::sync::Arc;

use weir_sample::{Kind, Series};

use super::group::Group;
use super::segment::COLUMNS;
use crate::disk::slab::Slab;
use crate::index::pairs::Half;
use crate::index::{GroupId, Index, PairId, SetId};
use crate::matcher::NAME;

/// Enough that sealing one share never holds a writer up for 100 ms, even with ten million series.
pub(crate) const SHARDS: usize = 256;

/// Agents with more columns than this keep a table of them.
const LISTED: usize = 512;

/// Series that must agree on labels before these are taken for the agent's own.
const AGREEING: usize = 4;

/// A share of the agents.
#[derive(Default)]
pub(crate) struct Shard {
    pub number: u32,
    pub groups: Vec<Option<Group>>,
    pub free: Vec<u32>,
    pub agents: HashMap<u128, Agent>,
    /// Rows at which groups are sealed next; differs by shard, so that they take turns.
    pub seal_at: u32,
    /// Late samples of all groups.
    pub late: usize,
    /// The cut that wants this shard as it is now.
    pub uncut: Option<u64>,
    /// Its form at a cut, coded because it has changed since.
    pub coded: Option<(u64, Vec<u8>)>,
    /// Sealed and not yet flushed, by sequence.
    pub slabs: Vec<Arc<Slab>>,
    /// Generation of the group that changed last. No two groups of a shard ever have the same.
    pub generation: u32,
}

/// One agent's groups.
#[derive(Debug, Default)]
pub(crate) struct Agent {
    pub slots: Vec<u32>,
    /// Homes of the columns, for agents with many.
    pub homes: Option<HashMap<Key, Home>>,
}

/// A series within an agent: the sum of its pairs' hashes, and its kind.
pub(crate) type Key = (u128, u8);
/// Slot and column.
pub(crate) type Home = (u32, u8);

/// A series to be found or placed.
struct Wanted {
    from: usize,
    to: usize,
    kind: Kind,
    key: Key,
    home: Option<Home>,
}

/// The shard of an agent.
pub(crate) fn shard_of(agent: u128) -> usize {
    xxhash_rust::xxh3::xxh3_64(&agent.to_le_bytes()) as usize % SHARDS
}

/// The shard and slot of a group.
pub(crate) const fn place_of(group: GroupId) -> (usize, usize) {
    (group as usize % SHARDS, group as usize / SHARDS)
}

impl Shard {
    pub(crate) fn id(&self, slot: u32) -> GroupId {
        slot * SHARDS as u32 + self.number
    }

    pub(crate) fn group(&self, slot: usize) -> Option<&Group> {
        self.groups.get(slot).and_then(Option::as_ref)
    }

    pub(crate) fn group_mut(&mut self, slot: usize) -> Option<&mut Group> {
        self.groups.get_mut(slot).and_then(Option::as_mut)
    }

    /// Finds the columns of an agent's series, and makes those that are new.
    pub(crate) fn resolve(&mut self, index: &mut Index, agent: u128, columns: &[(Series, Kind)]) -> Vec<Home> {
        let mut entry = self.agents.remove(&agent).unwrap_or_default();
        let mut homes = entry.homes.take().unwrap_or_else(|| self.homes(index, &entry.slots));
        let mut pairs = Vec::with_capacity(columns.len() * 8);
        let mut wanted: Vec<Wanted> =
            columns.iter().map(|(series, kind)| want(index, series, *kind, &mut pairs)).collect();
        let mut strangers = Vec::new();
        for (at, want) in wanted.iter_mut().enumerate() {
            want.home = homes.get(&want.key).copied();
            if want.home.is_none() && homes.insert(want.key, (u32::MAX, 0)).is_none() {
                strangers.push(at);
            }
        }
        self.settle(index, &mut entry, &mut wanted, &pairs, strangers);
        for want in &wanted {
            if let Some(home) = want.home.filter(|&(slot, _)| slot != u32::MAX) {
                homes.insert(want.key, home);
            }
        }
        let found: Vec<Home> = wanted.iter().map(|want| homes.get(&want.key).copied().unwrap_or_default()).collect();
        // Whoever asks for columns is about to write: they are not forgotten before the look after the next.
        for &(slot, column) in &found {
            self.group_mut(slot as usize).into_iter().for_each(|group| group.active |= 1 << column);
        }
        entry.homes = (homes.len() > LISTED).then_some(homes);
        self.agents.insert(agent, entry);
        found
    }

    /// Homes of the columns of some groups.
    fn homes(&self, index: &Index, slots: &[u32]) -> HashMap<Key, Home> {
        let groups = slots.iter().filter_map(|&slot| Some((slot, self.group(slot as usize)?)));
        let columns = groups.flat_map(|(slot, group)| {
            let common = index.commons.sum(group.common);
            let key = move |tail: SetId| (index.tails.sum(tail).wrapping_add(common), index.tails.kind(tail) as u8);
            group.tails.iter().enumerate().map(move |(column, &tail)| (key(tail), (slot, column as u8)))
        });
        columns.collect()
    }

    /// Gives a column to each series of `strangers`: in the agent's groups whose common labels it has, or in new ones.
    fn settle(
        &mut self,
        index: &mut Index,
        agent: &mut Agent,
        wanted: &mut [Wanted],
        pairs: &[PairId],
        strangers: Vec<usize>,
    ) {
        let mut rest = Vec::new();
        let mut batches: Vec<(u32, Vec<usize>)> = Vec::new();
        for at in strangers {
            let own = &pairs[wanted[at].from..wanted[at].to];
            let fits = |&&slot: &&u32| {
                let pending = batches.iter().find(|(other, _)| *other == slot).map_or(0, |(_, batch)| batch.len());
                self.group(slot as usize).is_some_and(|group| {
                    let common = index.commons.pairs(group.common);
                    group.width() + pending < COLUMNS && common.iter().all(|pair| own.contains(pair))
                })
            };
            match agent.slots.iter().rev().take(4).find(fits).copied() {
                Some(slot) => match batches.iter_mut().find(|(other, _)| *other == slot) {
                    Some((_, batch)) => batch.push(at),
                    None => batches.push((slot, vec![at])),
                },
                None => rest.push(at),
            }
        }
        for (slot, batch) in batches {
            self.widen(index, slot, wanted, pairs, &batch);
        }
        let common = shared_pairs(index, wanted, pairs, &rest);
        for batch in rest.chunks(COLUMNS) {
            let set = index.commons.intern(&mut index.pairs, Half::Common, &common, Kind::Gauge);
            let slot = self.free.pop().unwrap_or(self.groups.len() as u32);
            if self.groups.len() <= slot as usize {
                self.groups.push(None);
            }
            self.generation += 1;
            self.groups[slot as usize] = Some(Group { generation: self.generation, ..Group::new(set) });
            index.add_group(self.id(slot), set);
            agent.slots.push(slot);
            self.widen(index, slot, wanted, pairs, batch);
        }
    }

    fn widen(&mut self, index: &mut Index, slot: u32, wanted: &mut [Wanted], pairs: &[PairId], batch: &[usize]) {
        let id = self.id(slot);
        let Some(group) = self.groups[slot as usize].as_mut() else { return };
        let mut columns = Vec::with_capacity(batch.len());
        for &at in batch {
            let want = &mut wanted[at];
            let common = index.commons.pairs(group.common);
            let tail: Vec<PairId> =
                pairs[want.from..want.to].iter().copied().filter(|pair| !common.contains(pair)).collect();
            let tail = index.tails.intern(&mut index.pairs, Half::Tail, &tail, want.kind);
            index.add_series(id, tail);
            want.home = Some((slot, (group.width() + columns.len()) as u8));
            columns.push((tail, want.kind));
        }
        group.widen(&columns);
    }
}

fn want(index: &mut Index, series: &Series, kind: Kind, pairs: &mut Vec<PairId>) -> Wanted {
    let from = pairs.len();
    index.pairs.intern_series(series, pairs);
    let own = &pairs[from..];
    let sum = own.iter().fold(0u128, |sum, &pair| sum.wrapping_add(index.pairs.pair(pair).hash()));
    Wanted { from, to: pairs.len(), kind, key: (sum, kind as u8), home: None }
}

/// The pairs, other than the name, that all of these series have; none if the series are too few to tell.
fn shared_pairs(index: &Index, wanted: &[Wanted], pairs: &[PairId], batch: &[usize]) -> Vec<PairId> {
    let Some((&first, rest)) = batch.split_first().filter(|_| batch.len() >= AGREEING) else { return Vec::new() };
    let of = |at: usize| &pairs[wanted[at].from..wanted[at].to];
    let named = |pair: PairId| index.pairs.pair(pair).label() == NAME;
    of(first).iter().copied().filter(|&pair| !named(pair) && rest.iter().all(|&at| of(at).contains(&pair))).collect()
}
