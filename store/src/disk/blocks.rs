//! The blocks that exist.

use std::sync::{Arc, Weak};

use crate::Tier;
use crate::disk::block::{Block, BlockName};

/// Folder of the blocks.
pub(crate) const BLOCKS: &str = "blocks";

/// The blocks that make up the store at one time. Readers keep the set that they began with.
#[derive(Debug)]
pub(crate) struct BlockSet {
    /// Rises with each change.
    pub epoch: u64,
    /// Samples up to and with this instant are in blocks, but for late ones.
    pub frontier: i64,
    /// By tier, start and number.
    pub blocks: Vec<Arc<Block>>,
    /// Blocks of which nothing can be read. Their files stay for a repair, until they are past their retention.
    pub lost: Vec<Lost>,
}

/// A block of which nothing can be read.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub name: BlockName,
    pub file_name: String,
}

impl Default for BlockSet {
    fn default() -> Self {
        Self { epoch: 1, frontier: i64::MIN, blocks: Vec::new(), lost: Vec::new() }
    }
}

impl BlockSet {
    pub(crate) fn of(&self, tier: Tier) -> impl DoubleEndedIterator<Item = &Arc<Block>> {
        self.blocks.iter().filter(move |block| block.name.tier == tier)
    }

    /// Names of all files, those that cannot be read too.
    pub(crate) fn file_names(&self) -> Vec<String> {
        let lost = self.lost.iter().map(|lost| lost.file_name.clone());
        self.blocks.iter().map(|block| block.file_name()).chain(lost).collect()
    }

    /// First and last instant of each block of samples, read or lost, that only one of two sets has.
    pub(crate) fn differing(&self, other: &Self) -> Vec<(i64, i64)> {
        let names = |set: &Self| {
            let lost = set.lost.iter().map(|lost| &lost.name);
            Vec::from_iter(set.of(Tier::Raw).map(|block| &block.name).chain(lost).copied())
        };
        let (own, others) = (names(self), names(other));
        let alone = |names: &[BlockName], other: &[BlockName]| {
            let is_alone = |name: &&BlockName| !other.iter().any(|other| other.number == name.number);
            Vec::from_iter(names.iter().filter(is_alone).map(|name| (name.start, name.end)))
        };
        [alone(&own, &others), alone(&others, &own)].concat()
    }

    /// The same with some blocks taken out and others put in.
    pub(crate) fn changed(&self, gone: &[u64], new: Vec<Arc<Block>>, frontier: i64) -> Self {
        let mut blocks: Vec<_> =
            self.blocks.iter().filter(|block| !gone.contains(&block.name.number)).cloned().chain(new).collect();
        blocks.sort_by_key(|block| (block.name.tier, block.name.start, block.name.number));
        let lost = self.lost.iter().filter(|lost| !gone.contains(&lost.name.number)).cloned().collect();
        Self { epoch: self.epoch + 1, frontier: self.frontier.max(frontier), blocks, lost }
    }

    /// The finest tier that reaches as far back as `start`, or as anything does. `kept_since` says from when on a tier keeps
    /// what is asked for, though blocks may go further back.
    pub(crate) fn tier_for(&self, start: i64, kept_since: impl Fn(Tier) -> i64) -> Tier {
        let names = || self.blocks.iter().map(|block| &block.name).chain(self.lost.iter().map(|lost| &lost.name));
        let oldest = |tier| names().filter(|name| name.tier == tier).map(|name| name.start).min();
        let oldest = Tier::ALL.map(|tier| oldest(tier).map(|oldest: i64| oldest.max(kept_since(tier))));
        let Some(reach) = oldest.iter().flatten().min().copied() else { return Tier::Raw };
        let wanted = start.max(reach);
        let serves = |tier: &Tier| match (oldest[*tier as usize], tier) {
            (Some(oldest), _) => oldest <= wanted,
            (None, Tier::Raw) => self.frontier <= wanted,
            (None, _) => false,
        };
        Tier::ALL.into_iter().find(serves).unwrap_or(Tier::Raw)
    }
}

/// The set of now, and which older ones are still read.
#[derive(Default)]
pub(crate) struct Blocks {
    current: Arc<BlockSet>,
    older: Vec<Weak<BlockSet>>,
}

impl Blocks {
    pub(crate) fn new(set: BlockSet) -> Self {
        Self { current: Arc::new(set), older: Vec::new() }
    }

    pub(crate) fn current(&self) -> Arc<BlockSet> {
        self.current.clone()
    }

    pub(crate) fn replace(&mut self, set: BlockSet) {
        let old = std::mem::replace(&mut self.current, Arc::new(set));
        self.older.push(Arc::downgrade(&old));
    }

    /// Whether nobody reads an older set any more.
    pub(crate) fn is_settled(&mut self) -> bool {
        self.older.retain(|set| set.strong_count() > 0);
        self.older.is_empty()
    }
}
