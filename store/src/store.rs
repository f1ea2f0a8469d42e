//! The store: open, write, checkpoint.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use weir_sample::{Kind, Reading, Series, Sketch, Timestamp};

use crate::Error;
use crate::checkpoint::Checkpoint;
use crate::files::{self, Frames};
use crate::head::{Head, Result, block_of, decode_name, encode_name, encode_run};
use crate::series::Did;

/// How a store behaves.
#[derive(Clone, Copy, Debug)]
pub struct StoreConfig {
    /// Age past which samples are deleted, by whole two-hour blocks.
    pub retention: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { retention: Duration::from_secs(7 * 86_400) }
    }
}

/// Series in memory and on disk, under one folder. One process owns it; its threads share it.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    config: StoreConfig,
    head: RwLock<Head>,
    disk: Mutex<Disk>,
    pub(crate) counters: Counters,
    _lock: File,
}

#[derive(Debug)]
struct Disk {
    names: Frames,
    /// Series whose names stand in the file.
    named: usize,
    failed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    appended: AtomicU64,
    late_deltas: AtomicU64,
    out_of_order: AtomicU64,
    sealed_written: AtomicU64,
    pub damaged: AtomicU64,
    checkpoint_ms: AtomicU64,
}

/// The columns of rows to come, resolved once.
#[derive(Clone, Debug)]
pub struct Rows {
    ids: Vec<u32>,
    kinds: Vec<Kind>,
}

/// What a row did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Samples stored.
    pub samples: u32,
    /// Counter deltas that came after a later window and were added to the newest sample.
    pub late_deltas: u32,
    /// Samples that came after a later one and stand in their place in time.
    pub out_of_order: u32,
}

impl Store {
    /// Opens the store in `folder`, which is made if it is not there. The second result is the state that the sink gave
    /// to the last checkpoint: what came after it is not in the store.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has it, or what the file system says.
    pub fn open(folder: &Path, config: StoreConfig) -> Result<(Self, Vec<u8>)> {
        let blocks = folder.join("blocks");
        std::fs::create_dir_all(&blocks).map_err(Error::io("create", &blocks))?;
        let lock = lock(folder)?;
        let checkpoint = Checkpoint::read(&folder.join("checkpoint"))?;
        let counters = Counters::default();
        let mut head = Head::default();

        let names = Frames::open(&folder.join("series"), checkpoint.names_length)?;
        let mut unreadable = 0;
        unreadable += names.scan(|_, payload| {
            if let Some((series, kind)) = decode_name(payload) {
                head.resolve(&series, kind);
            }
        })?;
        if unreadable > 0 {
            return Err(Error::Damaged { path: folder.join("series"), problem: "a series cannot be read" });
        }
        remove_unnamed(&blocks, &checkpoint)?;
        for (&start, &length) in &checkpoint.blocks {
            let frames = Frames::open(&block_path(folder, start), length)?;
            let damaged = frames.scan(|at, payload| {
                head.place(start, at, payload);
            })?;
            counters.damaged.fetch_add(damaged, Relaxed);
            head.blocks.insert(start, frames);
        }
        let damaged = || Error::Damaged { path: folder.join("checkpoint"), problem: "does not fit the series file" };
        checkpoint.restore(&mut head).ok_or_else(damaged)?;

        let disk = Disk { names, named: head.slots.len(), failed: false };
        let (head, disk) = (RwLock::new(head), Mutex::new(disk));
        Ok((Self { folder: folder.into(), config, head, disk, counters, _lock: lock }, checkpoint.sink_state))
    }

    /// Resolves the columns of a layout. `owner` groups what one agent writes.
    pub fn rows(&self, _owner: u128, columns: &[(Series, Kind)]) -> Rows {
        let mut head = self.write();
        let ids = columns.iter().map(|(series, kind)| head.resolve(series, *kind)).collect();
        Rows { ids, kinds: columns.iter().map(|(_, kind)| *kind).collect() }
    }

    /// Writes one row: a delta for each counter, a value for each gauge. NaN says that the column is absent.
    ///
    /// # Errors
    /// [`Error::Refusing`] after a failed checkpoint.
    pub fn append(&self, rows: &Rows, ts: Timestamp, interval: Duration, floats: &[f64]) -> Result<Appended> {
        let mut appended = Appended::default();
        let mut head = self.write();
        head.newest_ts = head.newest_ts.max(ts.millis());
        for ((&id, kind), &float) in rows.ids.iter().zip(&rows.kinds).zip(floats) {
            if float.is_nan() {
                continue;
            }
            let slot = &mut head.slots[id as usize];
            let did = match kind {
                Kind::Counter => slot.accumulate(ts, interval, float),
                _ => slot.set(ts.millis(), float),
            };
            appended.samples += 1;
            appended.late_deltas += u32::from(did == Did::Amended && *kind == Kind::Counter);
            appended.out_of_order += u32::from(did == Did::Late);
        }
        self.counters.appended.fetch_add(u64::from(appended.samples), Relaxed);
        self.counters.late_deltas.fetch_add(u64::from(appended.late_deltas), Relaxed);
        self.counters.out_of_order.fetch_add(u64::from(appended.out_of_order), Relaxed);
        Ok(appended)
    }

    /// Writes one sketch of a row; a second one of the same time is merged into the first.
    ///
    /// # Errors
    /// [`Error::Refusing`] after a failed checkpoint.
    pub fn append_sketch(&self, rows: &Rows, column: usize, ts: Timestamp, sketch: &Sketch) -> Result<()> {
        if let Some(&id) = rows.ids.get(column) {
            self.write().slots[id as usize].push_sketch(ts.millis(), sketch);
            self.counters.appended.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Makes everything written so far durable, together with the sink's state: after a crash the store is as it is now.
    ///
    /// # Errors
    /// What the file system says; from then on writes are refused.
    pub fn checkpoint(&self, sink_state: &[u8]) -> Result<()> {
        let started = Instant::now();
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if disk.failed {
            return Err(Error::Refusing);
        }
        let outcome = self.write_checkpoint(&mut disk, sink_state);
        disk.failed = outcome.is_err();
        self.counters.checkpoint_ms.store(started.elapsed().as_millis() as u64, Relaxed);
        outcome
    }

    fn write_checkpoint(&self, disk: &mut MutexGuard<'_, Disk>, sink_state: &[u8]) -> Result<()> {
        let mut head = self.write();
        let new: Vec<_> = head.slots[disk.named..].iter().map(|slot| encode_name(&slot.series, slot.kind)).collect();
        disk.names.append(new.iter().map(Vec::as_slice))?;
        disk.named = head.slots.len();
        self.write_sealed(&mut head)?;
        let gone = head.retire(self.config.retention);
        let checkpoint = Checkpoint::of(&head, disk.names.length(), sink_state);
        drop(head);
        checkpoint.write(&self.folder.join("checkpoint"))?;
        for start in gone {
            let path = block_path(&self.folder, start);
            std::fs::remove_file(&path).map_err(Error::io("delete", &path))?;
        }
        Ok(())
    }

    /// Moves what was sealed from memory to its blocks.
    fn write_sealed(&self, head: &mut Head) -> Result<()> {
        let mut by_block = std::collections::BTreeMap::<i64, Vec<Vec<u8>>>::new();
        for (id, slot) in head.slots.iter_mut().enumerate() {
            for run in slot.sealed.drain(..) {
                by_block.entry(block_of(&run)).or_default().push(encode_run(id as u32, &run));
            }
        }
        for (start, runs) in by_block {
            if !head.blocks.contains_key(&start) {
                let frames = Frames::open(&block_path(&self.folder, start), 0)?;
                files::sync_folder(&self.folder.join("blocks"))?;
                head.blocks.insert(start, frames);
            }
            let Some(frames) = head.blocks.get_mut(&start) else { continue };
            let starts = frames.append(runs.iter().map(Vec::as_slice))?;
            self.counters.sealed_written.fetch_add(runs.len() as u64, Relaxed);
            for (at, run) in starts.into_iter().zip(&runs) {
                head.place(start, at, run);
            }
        }
        Ok(())
    }

    /// The store's own telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let (series, blocks, bytes) = {
            let head = self.read();
            (head.slots.len(), head.blocks.len(), head.blocks.values().map(Frames::length).sum::<u64>())
        };
        let counter = |name, value: &AtomicU64, help| Reading::counter(name, &[], value.load(Relaxed), help);
        let gauge = |name, value: f64, help| Reading::gauge(name, &[], value, help);
        vec![
            gauge("weir_store_series", series as f64, "Series known."),
            gauge("weir_store_blocks", blocks as f64, "Block files."),
            gauge("weir_store_block_bytes", bytes as f64, "Bytes in block files."),
            counter("weir_store_samples_total", &self.counters.appended, "Samples written."),
            counter(
                "weir_store_late_deltas_total",
                &self.counters.late_deltas,
                "Counter deltas that came after a later window; the total is right, its growth is seen one window late.",
            ),
            counter("weir_store_out_of_order_total", &self.counters.out_of_order, "Samples stored behind a later one."),
            counter(
                "weir_store_chunks_written_total",
                &self.counters.sealed_written,
                "Sealed chunks written to blocks.",
            ),
            counter(
                "weir_store_damaged_chunks_total",
                &self.counters.damaged,
                "Chunks whose checksum does not hold; they are left out of answers. Check the disk, restore from a copy.",
            ),
            gauge(
                "weir_store_checkpoint_seconds",
                self.counters.checkpoint_ms.load(Relaxed) as f64 / 1e3,
                "Time the last checkpoint took.",
            ),
        ]
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Head> {
        self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Head> {
        self.head.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(Error::io("create", &path))?;
    file.try_lock().map_err(|_| Error::Locked(folder.into()))?;
    Ok(file)
}

fn block_path(folder: &Path, start: i64) -> PathBuf {
    folder.join("blocks").join(format!("{start}.block"))
}

/// Deletes blocks that no checkpoint names: their process died before it could.
fn remove_unnamed(blocks: &Path, checkpoint: &Checkpoint) -> Result<()> {
    for entry in std::fs::read_dir(blocks).map_err(Error::io("list", blocks))?.flatten() {
        let name = entry.file_name();
        let start = name.to_str().and_then(|name| name.strip_suffix(".block")?.parse::<i64>().ok());
        if start.is_none_or(|start| !checkpoint.blocks.contains_key(&start)) {
            std::fs::remove_file(entry.path()).map_err(Error::io("delete", &entry.path()))?;
        }
    }
    Ok(())
}
