//! The store: open, write, checkpoint.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use weir_sample::{Kind, Reading, Series, Sketch, Timestamp};

use crate::cold::Cold;
use crate::counters::Counters;
use crate::disk::block::{Block, BlockName};
use crate::disk::blocks::{BlockSet, Blocks, LabelCache};
use crate::disk::checkpoint::Checkpoint;
use crate::disk::files;
use crate::disk::pages::Quarantine;
use crate::disk::slab::SlabFiles;
use crate::error::Damaged;
use crate::head;
use crate::head::group::Appended;
use crate::head::seal::Extent;
use crate::head::shard::{SHARDS, Shard, place_of, shard_of};
use crate::index::Index;
use crate::lock::DirectoryLock;
use crate::{Error, Rows, StoreConfig, Tier};

/// Agents under which single samples that name no agent are kept: no agent id begins with so many ones.
const IMPORTS: u128 = !0 << 64;

/// What one target was scraped for has its times in common, so it is kept together.
fn importer_of(series: &Series) -> u128 {
    let target = series.label("instance").or_else(|| series.label("host")).unwrap_or_default();
    IMPORTS | u128::from(xxhash_rust::xxh3::xxh3_64(target.as_bytes()))
}

/// Late samples of a group after which it is sealed out of turn, so that imports do not pile up in memory.
const MOST_LATE: usize = 4096;

/// Samples after which a turn of sealing ends, so that its writer waits some 50 ms. The next row goes on with the rest.
const SEALED_AT_ONCE: usize = 800_000;

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
    next_block: AtomicU64,
    /// Numbers of blocks that are not merged with others because they are damaged.
    damaged_blocks: Mutex<Vec<u64>>,
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
    /// Why writes are refused, once a file could not be written.
    refusal: Mutex<Option<String>>,
    refusing: AtomicBool,
    _lock: DirectoryLock,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("folder", &self.inner.folder).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in `folder`, which is made if it is not there. The second result is the state that the sink gave
    /// to the last checkpoint: what came after it is not in the store.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has it, or what is wrong with its files.
    pub fn open(folder: &Path, config: StoreConfig) -> Result<(Self, Vec<u8>), Error> {
        let lock = DirectoryLock::acquire(folder)?;
        files::create_folder(&folder.join("head"))?;
        let checkpoint = Checkpoint::read(folder)?;
        let (index, mut shards) = read_head(folder, &checkpoint, config.chunk_rows)?;
        let quarantine = Arc::new(Quarantine::default());
        let slab_folder = folder.join("slabs");
        files::create_folder(&slab_folder)?;
        let (slab_files, slabs) =
            SlabFiles::restore(&slab_folder, quarantine.clone(), &checkpoint.windows, &checkpoint.slabs)?;
        for slab in slabs {
            if let Some(shard) = shards.get_mut(slab.shard as usize) {
                shard.slabs.push(Arc::new(slab));
            }
        }
        let cold = Arc::new(Cold::open(folder, config.cold.clone())?);
        let (set, next_block, condemned) = open_blocks(folder, &checkpoint, &quarantine, &cold)?;
        let inner = Inner {
            folder: folder.to_owned(),
            config,
            shards: shards.into_iter().map(Mutex::new).collect(),
            index: RwLock::new(index),
            slabs: Mutex::new(slab_files),
            blocks: Mutex::new(Blocks::new(set)),
            labels: LabelCache::default(),
            next_block: AtomicU64::new(next_block),
            damaged_blocks: Mutex::default(),
            counters: Counters::default(),
            quarantine,
            watermark: AtomicI64::new(checkpoint.watermark),
            now: AtomicI64::new(checkpoint.watermark),
            reduced: Mutex::default(),
            gate: RwLock::new(()),
            stopping: AtomicBool::new(false),
            looked: Mutex::default(),
            obsolete: Mutex::default(),
            cold,
            moving: Mutex::default(),
            condemned: Mutex::new(condemned),
            deferred: AtomicBool::new(false),
            cuts: AtomicU64::new(checkpoint.head),
            head: Mutex::new(checkpoint.head),
            refusal: Mutex::default(),
            refusing: AtomicBool::new(false),
            _lock: lock,
        };
        Ok((Self { inner: Arc::new(inner) }, checkpoint.sink_state))
    }

    /// Resolves the columns of a layout once. `agent` groups what one agent writes: its rows share their timestamps.
    pub fn rows(&self, agent: u128, columns: &[(Series, Kind)]) -> Rows {
        // A sender that owns no series leaves no trace.
        if columns.is_empty() {
            return Rows::new(&[], |_| 0);
        }
        let _gate = self.inner.gate.read().unwrap_or_else(PoisonError::into_inner);
        let number = shard_of(agent);
        let mut shard = self.inner.shard_to_write(number);
        let mut index = self.inner.index.write().unwrap_or_else(PoisonError::into_inner);
        // A set has no form here; what is kept of it is the gauge of its estimate.
        let stored = |kind: Kind| if kind == Kind::Set { Kind::Gauge } else { kind };
        let sets = columns.iter().any(|(_, kind)| *kind == Kind::Set);
        let homes = if sets {
            let columns: Vec<_> = columns.iter().map(|(series, kind)| (series.clone(), stored(*kind))).collect();
            shard.resolve(&mut index, agent, &columns)
        } else {
            shard.resolve(&mut index, agent, columns)
        };
        let homes: Vec<_> = homes.into_iter().map(|(slot, column)| (shard.id(slot), column)).collect();
        Rows::new(&homes, |group| shard.group(place_of(group).1).map_or(0, |group| group.generation))
    }

    /// Whether these rows may still be appended to. They may not after series of their groups were forgotten.
    pub fn is_current(&self, rows: &Rows) -> bool {
        rows.parts.iter().all(|part| {
            let (number, slot) = place_of(part.group);
            self.inner.shard(number).group(slot).is_some_and(|group| group.generation == part.generation)
        })
    }

    /// Writes one row: a delta for each counter, a value for each gauge. NaN says that the column is absent.
    ///
    /// # Errors
    /// [`Error::Refusing`] after a failed write, [`Error::StaleRows`] if the columns must be resolved again,
    /// [`Error::Width`] if there are not as many values as columns.
    pub fn append(&self, rows: &Rows, ts: Timestamp, interval: Duration, floats: &[f64]) -> Result<Appended, Error> {
        if floats.len() != rows.width() {
            return Err(Error::Width { expected: rows.width(), found: floats.len() });
        }
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let mut done = Appended::default();
        let _gate = self.inner.admit()?;
        // Nothing of a row is written if not all of it can be: the caller writes the whole of it again.
        if rows.parts.len() > 1 && !self.is_current(rows) {
            return Err(Error::StaleRows);
        }
        for part in rows.parts.iter() {
            self.inner.with_group(part.group, part.generation, |group| {
                done.add(group.append(ts.millis(), interval, &part.spans, floats));
            })?;
        }
        self.inner.watermark.fetch_max(ts.millis(), Relaxed);
        self.inner.counters.note(&done);
        Ok(done)
    }

    /// Writes one sketch of a row; a second one of the same time is merged into the first.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn append_sketch(&self, rows: &Rows, column: usize, ts: Timestamp, sketch: &Sketch) -> Result<(), Error> {
        let (part, column) = rows.find(column).ok_or(Error::Width { expected: rows.width(), found: column + 1 })?;
        let _gate = self.inner.admit()?;
        let mut outcome = Ok(());
        self.inner.with_group(part.group, part.generation, |group| {
            outcome = group.append_sketch(column, ts.millis(), sketch);
        })?;
        outcome.map_err(|Damaged(what)| Error::Damaged { path: "head".into(), what })?;
        self.inner.watermark.fetch_max(ts.millis(), Relaxed);
        self.inner.counters.sketches.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Stores one sample as it is, at any time within retention: of a counter the running total, of a gauge the value.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn append_sample(&self, series: &Series, kind: Kind, ts: Timestamp, value: f64) -> Result<Appended, Error> {
        let rows = self.rows(importer_of(series), &[(series.clone(), kind)]);
        let Some((part, column)) = rows.find(0) else { return Ok(Appended::default()) };
        let mut done = Appended::default();
        let _gate = self.inner.admit()?;
        self.inner.with_group(part.group, part.generation, |group| done = group.set(ts.millis(), column, value))?;
        self.inner.watermark.fetch_max(ts.millis(), Relaxed);
        self.inner.counters.note(&done);
        Ok(done)
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
                f64::from(u8::from(inner.refusing.load(Relaxed))),
                "1: a write to disk failed, so the store takes no more. Free or repair the disk, then restart.",
            ),
            counter_of(
                "weir_store_damaged_pages_total",
                quarantined,
                "Pages whose checksum does not hold; they are left out of answers. Check the disk, restore from a copy.",
            ),
        ]);
        readings
    }
}

fn counter_of(name: &str, value: &AtomicU64, help: &'static str) -> Reading {
    Reading::counter(name, &[], value.load(Relaxed), help)
}

fn read_head(folder: &Path, checkpoint: &Checkpoint, chunk_rows: u32) -> Result<(Index, Vec<Shard>), Error> {
    let names = files::names(&folder.join("head"))?;
    let named = head::file::path(folder, checkpoint.head);
    for path in names.iter().map(|name| folder.join("head").join(name)).filter(|path| *path != named) {
        files::remove(&path)?;
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
    files::create_folder(&folder)?;
    let mut condemned = Vec::new();
    for name in files::names(&folder)?.into_iter().filter(|name| !checkpoint.blocks.contains(name)) {
        match BlockName::is_stub(&name) {
            true => condemned.push(folder.join(name)),
            false => files::remove(&folder.join(name))?,
        }
    }
    let (mut blocks, mut next) = (Vec::new(), 0);
    for text in &checkpoint.blocks {
        let damaged = || Error::Damaged { path: folder.join(text), what: "name of a block" };
        let name = BlockName::parse(text).ok_or_else(damaged)?;
        next = next.max(name.number + 1);
        blocks.extend(Block::open(&folder, text, quarantine.clone(), cold)?.map(Arc::new));
    }
    Ok((BlockSet::default().changed(&[], blocks, checkpoint.frontier), next, condemned))
}

/// Folder of the blocks.
pub(crate) const BLOCKS: &str = "blocks";

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

    /// Lets a write in, unless an earlier one failed.
    fn admit(&self) -> Result<RwLockReadGuard<'_, ()>, Error> {
        self.check()?;
        Ok(self.gate.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if !self.refusing.load(Relaxed) {
            return Ok(());
        }
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        Err(Error::Refusing(refusal.clone().unwrap_or_default()))
    }

    /// From here on no write is taken: what is on disk is not known.
    pub(crate) fn refuse(&self, error: &Error) {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
        refusal.get_or_insert_with(|| format!("{error}{source}"));
        self.refusing.store(true, Relaxed);
    }

    /// Lends a group out for a write, and seals its shard if its turn has come.
    fn with_group(
        &self,
        group: crate::index::GroupId,
        generation: u32,
        write: impl FnOnce(&mut crate::head::group::Group),
    ) -> Result<(), Error> {
        let (number, slot) = place_of(group);
        let mut shard = self.shard_to_write(number);
        let seal_at = shard.seal_at as usize;
        let group = shard.group_mut(slot).filter(|group| group.generation == generation).ok_or(Error::StaleRows)?;
        write(group);
        if group.open_rows() >= seal_at || group.late.len() >= MOST_LATE {
            return self.seal_turn(&mut shard);
        }
        Ok(())
    }

    /// Seals the groups of a shard that are at least half full, so that neighbours of a fast group are left alone.
    fn seal_turn(&self, shard: &mut Shard) -> Result<(), Error> {
        let (half, mut samples) = (shard.seal_at as usize / 2, 0);
        self.seal(shard, |group| {
            let due = group.open_rows() > half || group.late.len() >= MOST_LATE / 2;
            if due && samples < SEALED_AT_ONCE {
                samples += group.open_rows() * group.width();
                return Some(Extent::ButNewest);
            }
            None
        })?;
        if samples < SEALED_AT_ONCE {
            shard.seal_at = self.config.chunk_rows;
        }
        Ok(())
    }

    pub(crate) fn seal(
        &self,
        shard: &mut Shard,
        extent: impl FnMut(&crate::head::group::Group) -> Option<Extent>,
    ) -> Result<(), Error> {
        let sealed =
            shard.seal(&self.index(), &mut self.slab_files(), extent).inspect_err(|error| self.refuse(error))?;
        self.counters.chunks_sealed.fetch_add(sealed, Relaxed);
        Ok(())
    }
}
