//! Moving blocks to the object store, one after another. The order makes a crash harmless at any point: stub, object,
//! comparison of what arrived, checkpoint that names the stub, and only then does the block's file go.

use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use weir_sample::Timestamp;

use crate::cold::put_compared;
use crate::disk::block::Block;
use crate::disk::blocks::BlockSet;
use crate::disk::stub::{self, identity, stub_name};
use crate::store::Inner;
use crate::{ColdConfig, Error, Remote, Store};

impl Store {
    /// Moves the blocks that are old enough to the object store, and deletes the objects that no checkpoint names any
    /// more. To be called now and then from a thread that may wait for a network; returns how many blocks it moved.
    ///
    /// # Errors
    /// What the object store or the file system says. The store is as it was, and the next call tries again.
    pub fn move_cold(&self, now: Timestamp) -> Result<u64, Error> {
        let Some(config) = &self.inner.cold.config else { return Ok(0) };
        let _turn = self.inner.moving.lock();
        let outcome = self.inner.move_due(config, now);
        if let Err(error) = &outcome {
            let failed = !matches!(error, Error::Stopped);
            self.inner.cold.counters.failures.fetch_add(failed.into(), Relaxed);
        }
        outcome
    }
}

impl Inner {
    fn move_due(&self, config: &ColdConfig, now: Timestamp) -> Result<u64, Error> {
        self.refusal.check()?;
        let mut moved = 0;
        let oldest = now.millis().saturating_sub(i64::try_from(config.after.as_millis()).unwrap_or(i64::MAX));
        self.bury(&*config.remote)?;
        let due: Vec<_> = self.block_set().due(oldest, &self.damaged_blocks.lock()).cloned().collect();
        for block in due {
            self.go_on()?;
            moved += u64::from(self.move_block(&*config.remote, &block)?);
        }
        self.cold.counters.moved.fetch_add(moved, Relaxed);
        Ok(moved)
    }

    /// Deletes objects that nothing names any more, then their stubs.
    fn bury(&self, remote: &dyn Remote) -> Result<(), Error> {
        let condemned = self.condemned.lock().clone();
        for stub in condemned {
            self.go_on()?;
            let key = key_of(&stub);
            remote.delete(&key).map_err(Error::remote("delete", &key))?;
            weir_files::remove(&stub)?;
            self.cold.drop_cached(&key);
            self.condemned.lock().retain(|other| *other != stub);
            self.cold.counters.deleted.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    fn condemn(&self, stub: PathBuf) {
        self.condemned.lock().push(stub);
    }

    fn move_block(&self, remote: &dyn Remote, block: &Arc<Block>) -> Result<bool, Error> {
        let name = stub_name(block, &identity(block)?);
        let path = self.blocks_folder().join(&name);
        let moved = stub::write(block, &path)
            .and_then(|()| {
                put_compared(remote, &key_of(&path), &mut Body { block, at: 0, inner: self }, || self.go_on())
            })
            .and_then(|_| Block::open(&self.blocks_folder(), &name, self.quarantine.clone(), &self.cold))
            .map(|cold| cold.is_some_and(|cold| self.swap(block, Arc::new(cold))));
        if !matches!(moved, Ok(true)) {
            self.condemn(path);
        }
        moved
    }
}

impl BlockSet {
    /// Blocks that no merge will take any more and that are old enough to move, oldest first.
    fn due<'a>(&'a self, oldest: i64, damaged: &[u64]) -> impl Iterator<Item = &'a Arc<Block>> {
        let damaged = damaged.to_vec();
        self.blocks.iter().filter(move |block| {
            let settled = block.name.stretch_end();
            let sound = !damaged.contains(&block.name.number) && !block.pages.is_damaged();
            !block.is_cold() && sound && settled <= oldest && settled <= self.frontier
        })
    }
}

/// Key of the object that a stub stands for.
fn key_of(stub: &Path) -> String {
    stub.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The bytes of a block, until maintenance is to stop.
struct Body<'a> {
    block: &'a Block,
    at: u64,
    inner: &'a Inner,
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.inner.go_on().is_err() {
            return Err(io::Error::other("maintenance was stopped"));
        }
        let read = self.block.pages.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
