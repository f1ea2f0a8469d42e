//! Which series are in memory, by label.
//!
//! A series' labels are kept in two halves: the *common* ones that the series of a group share (`host`, `pool`, …) and
//! its own *tail* (name, `cpu`, `mode`, …). Both halves are interned, so that a series costs one number, and a
//! question is answered on the few distinct halves before any series is looked at.

pub(crate) mod coding;
mod ids;
pub(crate) mod matching;
pub(crate) mod pairs;
pub(crate) mod sets;

use roaring::RoaringBitmap;
use weir_sample::Series;

pub(crate) use ids::{GroupId, PairId, SeriesId, SetId};
pub(crate) use pairs::Pairs;
pub(crate) use sets::Sets;

const NO_GROUP: SetId = SetId::MAX;

/// Labels of every series in memory, and which groups have them.
#[derive(Default)]
pub(crate) struct Index {
    pub pairs: Pairs,
    pub tails: Sets,
    pub commons: Sets,
    /// Common labels by group.
    groups: Vec<SetId>,
    series: u64,
}

impl Index {
    /// Labels of which no group is known yet.
    pub(crate) fn of(pairs: Pairs, tails: Sets, commons: Sets) -> Self {
        Self { pairs, tails, commons, groups: Vec::new(), series: 0 }
    }

    /// Series in memory.
    pub(crate) fn len(&self) -> u64 {
        self.series
    }

    /// The common labels of a group.
    pub(crate) fn common(&self, group: GroupId) -> Option<SetId> {
        self.groups.get(group as usize).copied().filter(|&set| set != NO_GROUP)
    }

    /// Adds a new group and its common labels.
    pub(crate) fn add_group(&mut self, group: GroupId, common: SetId) {
        if self.groups.len() <= group as usize {
            self.groups.resize(group as usize + 1, NO_GROUP);
        }
        self.groups[group as usize] = common;
        self.commons.join(common, group);
    }

    /// Adds a series to a group.
    pub(crate) fn add_series(&mut self, group: GroupId, tail: SetId) {
        self.series += u64::from(self.tails.join(tail, group));
    }

    /// Forgets a series of a group. Labels that no other series has go with it.
    pub(crate) fn remove_series(&mut self, group: GroupId, tail: SetId) {
        self.series -= u64::from(self.tails.leave(tail, group, &mut self.pairs, pairs::Half::Tail));
    }

    /// Forgets a group that has no series left.
    pub(crate) fn remove_group(&mut self, group: GroupId) {
        if let Some(common) = self.common(group) {
            self.commons.leave(common, group, &mut self.pairs, pairs::Half::Common);
            self.groups[group as usize] = NO_GROUP;
        }
    }

    /// The identity of the series with these halves.
    pub(crate) fn id(&self, common: SetId, tail: SetId) -> SeriesId {
        self.tails.id_with(tail, self.commons.sum(common))
    }

    /// The series with these halves.
    pub(crate) fn series(&self, common: SetId, tail: SetId) -> Series {
        self.pairs.series(self.commons.pairs(common), self.tails.pairs(tail))
    }

    pub(crate) fn groups_of(&self, common: SetId) -> &RoaringBitmap {
        self.commons.members(common)
    }
}
