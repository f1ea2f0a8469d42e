//! The store: what its threads share, and how they get at it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

use weir_sample::Timestamp;

use crate::cold::Cold;
use crate::counters::Counters;
use crate::disk::blocks::{BLOCKS, BlockSet, Blocks};
use crate::disk::labels::LabelCache;
use crate::disk::pages::Quarantine;
use crate::disk::slab::SlabFiles;
use crate::head::shard::Shard;
use crate::index::Index;
use crate::locks::{Lock, Locked, Shared, SharedLock};
use crate::refusal::Refusal;
use crate::versions::Versions;
use crate::write::follow::Followers;
use crate::{StoreConfig, Tier};
use weir_files::FolderLock;

/// Series in memory and on disk, under one folder. One process owns it; its threads share it.
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// The state that the store's threads share.
pub(crate) struct Inner {
    pub folder: PathBuf,
    pub config: StoreConfig,
    pub counters: Counters,
    pub quarantine: Arc<Quarantine>,
    pub refusal: Refusal,
    /// Blocks in the object store.
    pub cold: Arc<Cold>,
    pub labels: LabelCache,
    /// What tells readers whether they know an answer already.
    pub versions: Versions,

    // The locks, in the order in which they are taken: `Rank` says what each is about and holds them to it.
    /// Time of the last look for idle series.
    pub looked: Lock<Option<Timestamp>>,
    /// Held while blocks are moved to the object store.
    pub moving: Lock<()>,
    /// Number of the last head file.
    pub head: Lock<u64>,
    /// Held by writers for a row; a checkpoint takes it whole, so that it sees no half of a row.
    pub gate: SharedLock<()>,
    pub blocks: Lock<Blocks>,
    pub shards: Box<[Lock<Shard>]>,
    pub index: SharedLock<Index>,
    pub slabs: Lock<SlabFiles>,
    /// Files that the last checkpoint named and the next will not.
    pub obsolete: Lock<Vec<PathBuf>>,
    /// Stubs that no checkpoint names, whose objects are to be deleted.
    pub condemned: Lock<Vec<PathBuf>>,
    /// Numbers of blocks that are not merged with others because they are damaged.
    pub damaged_blocks: Lock<Vec<u64>>,
    /// Stretches of blocks and how many retentions had passed when series were last left out of them.
    pub reduced: Lock<HashMap<(Tier, i64), usize>>,

    /// Number of the next block.
    pub next_block: AtomicU64,
    /// Number of the last cut.
    pub cuts: AtomicU64,
    /// Newest timestamp seen.
    pub watermark: AtomicI64,
    /// Time of the last maintenance.
    pub now: AtomicI64,
    /// Maintenance is to end as soon as it can.
    pub stopping: AtomicBool,
    /// A window could not be flushed because blocks that it lies over could not be read.
    pub deferred: AtomicBool,
    /// Who sends on what is stored.
    pub followers: Followers,
    pub _folder_lock: FolderLock,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("folder", &self.inner.folder).finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn block_set(&self) -> Arc<BlockSet> {
        self.blocks.lock().current()
    }

    pub(crate) fn blocks_folder(&self) -> PathBuf {
        self.folder.join(BLOCKS)
    }

    pub(crate) fn next_block(&self) -> u64 {
        self.next_block.fetch_add(1, Relaxed)
    }

    pub(crate) fn shard(&self, number: usize) -> Locked<'_, Shard> {
        self.shards[number].lock()
    }

    /// A shard that may be changed: a cut that wants it as it is now has it coded before.
    pub(crate) fn shard_to_write(&self, number: usize) -> Locked<'_, Shard> {
        let mut shard = self.shard(number);
        shard.code_cut();
        shard
    }

    pub(crate) fn index(&self) -> Shared<'_, Index> {
        self.index.read()
    }

    pub(crate) fn slab_files(&self) -> Locked<'_, SlabFiles> {
        self.slabs.lock()
    }
}
