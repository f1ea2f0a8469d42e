//! What a store holds, in numbers.

use crate::{Store, Tier};

/// The blocks of one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierStats {
    /// Which tier.
    pub tier: Tier,
    /// Number of blocks.
    pub blocks: u64,
    /// Series, counted once per block.
    pub series: u64,
    /// Samples, or points of a coarser tier.
    pub samples: u64,
    /// Bytes in files, labels and indexes included.
    pub bytes: u64,
}

/// What a store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Series in memory.
    pub series: u64,
    /// Bytes sealed and not yet in blocks.
    pub slab_bytes: u64,
    /// Pages found damaged since the store was opened.
    pub damaged_pages: u64,
    /// The tiers, finest first.
    pub tiers: Vec<TierStats>,
}

impl Store {
    /// What the store holds now.
    pub fn stats(&self) -> Stats {
        let set = self.inner.block_set();
        let tiers = Tier::ALL.map(|tier| {
            let none = TierStats { tier, blocks: 0, series: 0, samples: 0, bytes: 0 };
            set.of(tier).fold(none, |sum, block| TierStats {
                tier,
                blocks: sum.blocks + 1,
                series: sum.series + block.series,
                samples: sum.samples + block.samples,
                bytes: sum.bytes + block.size,
            })
        });
        Stats {
            series: self.inner.index().len(),
            slab_bytes: self.inner.slab_files().bytes(),
            damaged_pages: self.inner.quarantine.pages.load(std::sync::atomic::Ordering::Relaxed),
            tiers: tiers.into(),
        }
    }
}
