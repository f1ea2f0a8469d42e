//! The store: what its threads share, and how they get at it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use weir_sample::Timestamp;

use crate::cold::Cold;
use crate::counters::Counters;
use crate::disk::blocks::{BLOCKS, BlockSet, Blocks};
use crate::disk::labels::LabelCache;
use crate::disk::pages::Quarantine;
use crate::disk::slab::SlabFiles;
use crate::head::shard::Shard;
use crate::index::Index;
use crate::lock::DirectoryLock;
use crate::refusal::Refusal;
use crate::{StoreConfig, Tier};

/// Series in memory and on disk, under one folder. One process owns it; its threads share it.
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// What the store's threads share.
pub(crate) struct Inner {
    pub folder: PathBuf,
    pub config: StoreConfig,
    pub shards: Box<[Mutex<Shard>]>,
    pub index: RwLock<Index>,
    pub slabs: Mutex<SlabFiles>,
    pub blocks: Mutex<Blocks>,
    pub labels: LabelCache,
    /// Number of the next block.
    pub next_block: AtomicU64,
    /// Numbers of blocks that are not merged with others because they are damaged.
    pub damaged_blocks: Mutex<Vec<u64>>,
    pub counters: Counters,
    pub quarantine: Arc<Quarantine>,
    /// Newest timestamp seen.
    pub watermark: AtomicI64,
    /// When maintenance was last asked for.
    pub now: AtomicI64,
    /// Stretches of blocks and how many retentions had passed when series were last left out of them.
    pub reduced: Mutex<HashMap<(Tier, i64), usize>>,
    /// Held by writers for a row; a checkpoint takes it whole, so that it sees no half of a row.
    pub gate: RwLock<()>,
    /// Maintenance is to end as soon as it can.
    pub stopping: AtomicBool,
    /// When idle series were last looked for.
    pub looked: Mutex<Option<Timestamp>>,
    /// Files that the last checkpoint named and the next will not.
    pub obsolete: Mutex<Vec<PathBuf>>,
    /// Blocks in the object store.
    pub cold: Arc<Cold>,
    /// Held while blocks are moved there.
    pub moving: Mutex<()>,
    /// Stubs that no checkpoint names, whose objects are to be deleted.
    pub condemned: Mutex<Vec<PathBuf>>,
    /// A window could not be flushed because blocks that it lies over could not be read.
    pub deferred: AtomicBool,
    /// Number of the last head file.
    pub head: Mutex<u64>,
    /// Number of the last cut.
    pub cuts: AtomicU64,
    pub refusal: Refusal,
    pub _folder_lock: DirectoryLock,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("folder", &self.inner.folder).finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn block_set(&self) -> Arc<BlockSet> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).current()
    }

    pub(crate) fn blocks_folder(&self) -> PathBuf {
        self.folder.join(BLOCKS)
    }

    pub(crate) fn next_block(&self) -> u64 {
        self.next_block.fetch_add(1, Relaxed)
    }

    pub(crate) fn damaged_blocks(&self) -> MutexGuard<'_, Vec<u64>> {
        self.damaged_blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shard(&self, number: usize) -> MutexGuard<'_, Shard> {
        self.shards[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A shard that may be changed: a cut that wants it as it is now has it coded before.
    pub(crate) fn shard_to_write(&self, number: usize) -> MutexGuard<'_, Shard> {
        let mut shard = self.shard(number);
        shard.code_cut();
        shard
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn slab_files(&self) -> MutexGuard<'_, SlabFiles> {
        self.slabs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
