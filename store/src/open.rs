//! Opening a store: it becomes what its last checkpoint says, and every file that the checkpoint does not name goes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};

use crate::cold::Cold;
use crate::counters::Counters;
use crate::disk::block::{Block, BlockName};
use crate::disk::blocks::{BLOCKS, BlockSet, Blocks, Lost};
use crate::disk::checkpoint::Checkpoint;
use crate::disk::labels::LabelCache;
use crate::disk::pages::Quarantine;
use crate::disk::slab::SlabFiles;
use crate::head;
use crate::head::shard::{SHARDS, Shard};
use crate::index::Index;
use crate::locks::{Lock, Rank, SharedLock};
use crate::refusal::Refusal;
use crate::store::{Inner, Store};
use crate::versions::Versions;
use crate::write::follow::Followers;
use crate::{Error, StoreConfig, Tier};
use weir_files::FolderLock;

impl Store {
    /// Opens the store in `folder`, which is made if it is not there. The second result is the state that the sink gave
    /// to the last checkpoint: what came after it is not in the store.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has it, or what is wrong with its files.
    pub fn open(folder: &Path, config: StoreConfig) -> Result<(Self, Vec<u8>), Error> {
        let folder_lock = FolderLock::acquire(folder).map_err(Error::lock(folder))?;
        weir_files::create_folder(&folder.join("head"))?;
        let checkpoint = Checkpoint::read(folder)?;
        let (index, mut shards) = read_head(folder, &checkpoint, config.chunk_rows)?;
        let quarantine = Arc::new(Quarantine::default());
        let slab_folder = folder.join("slabs");
        weir_files::create_folder(&slab_folder)?;
        let (slab_files, slabs) =
            SlabFiles::restore(&slab_folder, quarantine.clone(), &checkpoint.windows, &checkpoint.slabs)?;
        for slab in slabs {
            if let Some(shard) = shards.get_mut(slab.shard as usize) {
                shard.slabs.push(Arc::new(slab));
            }
        }
        let cold = Arc::new(Cold::open(folder, config.cold.clone())?);
        let (set, next_block, condemned) = open_blocks(folder, &checkpoint, &quarantine, &cold)?;
        let versions = Versions::new(config.longest_retention(Tier::Raw));
        let inner = Inner {
            folder: folder.to_owned(),
            config,
            counters: Counters::default(),
            quarantine,
            refusal: Refusal::default(),
            cold,
            labels: LabelCache::default(),
            versions,
            looked: Lock::new(Rank::Maintenance, None),
            moving: Lock::new(Rank::Moving, ()),
            head: Lock::new(Rank::Checkpoint, checkpoint.head),
            gate: SharedLock::new(Rank::Gate, ()),
            blocks: Lock::new(Rank::Blocks, Blocks::new(set)),
            shards: shards.into_iter().map(|shard| Lock::new(Rank::Shard, shard)).collect(),
            index: SharedLock::new(Rank::Index, index),
            slabs: Lock::new(Rank::Slabs, slab_files),
            obsolete: Lock::new(Rank::Obsolete, Vec::new()),
            condemned: Lock::new(Rank::Condemned, condemned),
            damaged_blocks: Lock::new(Rank::Damaged, Vec::new()),
            reduced: Lock::new(Rank::Reduced, HashMap::new()),
            next_block: AtomicU64::new(next_block),
            cuts: AtomicU64::new(checkpoint.head),
            watermark: AtomicI64::new(checkpoint.watermark),
            now: AtomicI64::new(checkpoint.watermark),
            stopping: AtomicBool::new(false),
            deferred: AtomicBool::new(false),
            followers: Followers::default(),
            _folder_lock: folder_lock,
        };
        Ok((Self { inner: Arc::new(inner) }, checkpoint.sink_state))
    }
}

fn read_head(folder: &Path, checkpoint: &Checkpoint, chunk_rows: u32) -> Result<(Index, Vec<Shard>), Error> {
    let names = weir_files::names(&folder.join("head"))?;
    let named = head::file::path(folder, checkpoint.head);
    for path in names.iter().map(|name| folder.join("head").join(name)).filter(|path| *path != named) {
        weir_files::remove(&path)?;
    }
    if checkpoint.head > 0 {
        return head::file::read(&named);
    }
    let shard = |number: u32| {
        // Shards take turns: the first time around each seals after another share of the full count.
        let seal_at = (chunk_rows * (number + 1) / SHARDS as u32).max(chunk_rows / 4).max(1);
        Shard { number, seal_at, ..Shard::default() }
    };
    Ok((Index::default(), (0..SHARDS as u32).map(shard).collect()))
}

/// Opens the blocks that a checkpoint names and removes every other. The last result are stubs whose objects must go.
fn open_blocks(
    folder: &Path,
    checkpoint: &Checkpoint,
    quarantine: &Arc<Quarantine>,
    cold: &Arc<Cold>,
) -> Result<(BlockSet, u64, Vec<PathBuf>), Error> {
    let folder = folder.join(BLOCKS);
    weir_files::create_folder(&folder)?;
    let mut condemned = Vec::new();
    for name in weir_files::names(&folder)?.into_iter().filter(|name| !checkpoint.blocks.contains(name)) {
        match BlockName::is_stub(&name) {
            true => condemned.push(folder.join(name)),
            false => weir_files::remove(&folder.join(name))?,
        }
    }
    let (mut blocks, mut lost, mut next) = (Vec::new(), Vec::new(), 0);
    for text in &checkpoint.blocks {
        let damaged = || Error::Damaged { path: folder.join(text), what: "name of a block" };
        let name = BlockName::parse(text).ok_or_else(damaged)?;
        next = next.max(name.number + 1);
        match Block::open(&folder, text, quarantine.clone(), cold)? {
            Some(block) => blocks.push(Arc::new(block)),
            None => lost.push(Lost { name, file_name: text.clone() }),
        }
    }
    let none = BlockSet { lost, ..BlockSet::default() };
    Ok((none.changed(&[], blocks, checkpoint.frontier), next, condemned))
}
