//! What a store holds and does, in numbers.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use weir_sample::Reading;

use crate::{Error, Store, StoreConfig, Tier};

/// The blocks of one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierStats {
    /// The tier.
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

/// Contents of a store, in numbers.
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

/// Contents of the store in a folder at its last checkpoint.
///
/// # Errors
/// As [`Store::open`]; another process must not have it open.
pub fn stats(folder: &Path) -> Result<Stats, Error> {
    if !folder.join("lock").exists() {
        return Err(Error::io("open", folder)(ErrorKind::NotFound.into()));
    }
    Ok(Store::open(folder, StoreConfig::default())?.0.stats())
}

impl Store {
    /// Its contents now.
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
            damaged_pages: self.inner.quarantine.pages.load(Relaxed),
            tiers: tiers.into(),
        }
    }

    /// Files in which damage was found since this was asked last, and what in them: each is told once.
    pub fn damage(&self) -> Vec<String> {
        self.inner.quarantine.news()
    }

    /// The store's own telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let inner = &self.inner;
        let mut readings = inner.counters.readings();
        let gauge = |name, value: f64, help| Reading::gauge(name, &[], value, help);
        readings.extend(inner.cold.readings());
        let quarantined = &inner.quarantine.pages;
        let set = inner.block_set();
        let bytes_of =
            |cold: bool| set.blocks.iter().filter(|b| b.is_cold() == cold).map(|b| b.size).sum::<u64>() as f64;
        readings.extend([
            gauge("weir_store_series", inner.index().len() as f64, "Series in memory."),
            gauge("weir_store_slab_bytes", inner.slab_files().bytes() as f64, "Bytes sealed and not yet in blocks."),
            gauge("weir_store_block_bytes", bytes_of(false), "Bytes of the blocks of all tiers that are here."),
            gauge("weir_store_cold_bytes", bytes_of(true), "Bytes of the blocks that are in the object store."),
            gauge(
                "weir_store_refusing",
                f64::from(u8::from(inner.refusal.stands())),
                "1: a write to disk failed, so the store takes no more. Free or repair the disk, then restart.",
            ),
            counter_of(
                "weir_store_damaged_pages_total",
                quarantined,
                "Pages whose checksum does not hold; coarser points stand for them, or they are missing. Check the disk.",
            ),
            counter_of(
                "weir_store_damaged_files_total",
                &inner.quarantine.files,
                "Blocks and slabs in which damage was found since the start; the log names them. Check the disk, repair.",
            ),
        ]);
        readings
    }
}

fn counter_of(name: &str, value: &AtomicU64, help: &'static str) -> Reading {
    Reading::counter(name, &[], value.load(Relaxed), help)
}
