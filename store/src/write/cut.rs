//! Checkpoints that do not hold writers up: a cut records what the store is at one instant, and is written while the store
//! moves on. A shard that is written to before its turn is coded first, as it was at the cut.

use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crate::disk::checkpoint::Checkpoint;
use crate::disk::slab::Unsynced;
use crate::head;
use crate::head::shard::SHARDS;
use crate::index::coding::encode_index;
use crate::store::Inner;
use crate::{Error, Store};

/// The store at one instant, to be made durable by [`Store::write`].
#[derive(Debug)]
#[must_use = "nothing is durable before it is written"]
pub struct Cut {
    number: u64,
    checkpoint: Checkpoint,
    labels: Vec<u8>,
    /// Slab files with bytes that may not be durable.
    unsynced: Vec<Unsynced>,
    /// Files that the checkpoint before named and this one does not.
    obsolete: Vec<PathBuf>,
}

impl Store {
    /// Makes everything written so far durable, together with the sink's state: after a crash the store is as it is now.
    ///
    /// # Errors
    /// What the file system says; from then on writes are refused.
    pub fn checkpoint(&self, sink_state: &[u8]) -> Result<(), Error> {
        self.write(self.cut(sink_state)?)
    }

    /// Records what the store is now, together with the sink's state. Takes milliseconds; a later cut takes the place of
    /// one that was not written.
    ///
    /// # Errors
    /// [`Error::Refusing`] after a failed write.
    pub fn cut(&self, sink_state: &[u8]) -> Result<Cut, Error> {
        self.inner.refusal.check()?;
        Ok(self.inner.cut(sink_state))
    }

    /// Makes a cut durable: after a crash the store is as it was then. Others may write meanwhile.
    ///
    /// # Errors
    /// What the file system says; from then on writes are refused. [`Error::Superseded`] if there was a later cut.
    pub fn write(&self, cut: Cut) -> Result<(), Error> {
        self.inner.refusal.check()?;
        let started = Instant::now();
        let outcome = self.inner.write_cut(cut);
        let counters = &self.inner.counters;
        counters.checkpoint_micros.store(started.elapsed().as_micros() as u64, Relaxed);
        match &outcome {
            Ok(()) => counters.checkpoints.fetch_add(1, Relaxed),
            Err(Error::Superseded) => 0,
            Err(error) => {
                self.inner.refusal.refuse(error);
                counters.checkpoint_failures.fetch_add(1, Relaxed)
            }
        };
        outcome
    }
}

impl Inner {
    fn cut(&self, sink_state: &[u8]) -> Cut {
        let _gate = self.gate.write();
        let number = self.cuts.fetch_add(1, Relaxed) + 1;
        let mut labels = Vec::new();
        encode_index(&mut labels, &self.index());
        let mut slabs = Vec::new();
        let files = self.slab_files();
        let (windows, unsynced) = (files.lengths(), files.unsynced());
        drop(files);
        for shard in 0..SHARDS {
            let mut shard = self.shard(shard);
            (shard.uncut, shard.coded) = (Some(number), None);
            let files = self.slab_files();
            slabs.extend(shard.slabs.iter().filter_map(|slab| files.place(slab)));
        }
        let set = self.block_set();
        let checkpoint = Checkpoint {
            sink_state: sink_state.to_vec(),
            head: number,
            watermark: self.watermark.load(Relaxed),
            windows,
            slabs,
            frontier: set.frontier,
            blocks: set.file_names(),
        };
        let obsolete = self.obsolete.lock().clone();
        Cut { number, checkpoint, labels, unsynced, obsolete }
    }

    fn write_cut(&self, cut: Cut) -> Result<(), Error> {
        let mut head = self.head.lock();
        let path = head::file::path(&self.folder, cut.number);
        let written = head::file::write(&path, &cut.labels, |shard| self.shard_at(shard, cut.number));
        if let Err(Error::Superseded) = written {
            weir_files::remove(&path.with_extension("tmp"))?;
        }
        written?;
        for slab in &cut.unsynced {
            weir_files::sync(&slab.file, &slab.path)?;
        }
        if !cut.unsynced.is_empty() {
            weir_files::sync_folder(&self.folder.join("slabs"))?;
            self.slab_files().mark_synced(&cut.unsynced);
        }
        cut.checkpoint.write(&self.folder)?;
        let previous = std::mem::replace(&mut *head, cut.number);
        if previous > 0 {
            weir_files::remove(&head::file::path(&self.folder, previous))?;
        }
        let is_stub = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "cold");
        let (stubs, gone): (Vec<_>, Vec<_>) = cut.obsolete.iter().partition(is_stub);
        gone.into_iter().try_for_each(|path| weir_files::remove(path))?;
        self.condemned.lock().extend(stubs.into_iter().cloned());
        self.obsolete.lock().retain(|path| !cut.obsolete.contains(path));
        Ok(())
    }

    /// A shard as it was at a cut, coded.
    fn shard_at(&self, shard: usize, cut: u64) -> Result<Vec<u8>, Error> {
        let mut shard = self.shard(shard);
        if shard.uncut == Some(cut) {
            shard.code_cut();
        }
        match shard.coded.take() {
            Some((number, coded)) if number == cut => Ok(coded),
            _ => Err(Error::Superseded),
        }
    }
}
