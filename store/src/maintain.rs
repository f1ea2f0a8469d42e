//! What is done from time to time beside reading and writing: what is past its retention goes, idle series leave memory.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use weir_sample::Timestamp;

use crate::head::seal::WINDOW_MS;
use crate::head::shard::SHARDS;
use crate::store::Inner;
use crate::{Error, Store};

impl Store {
    /// Deletes what is past its retention and forgets series that nobody writes. To be called every few seconds to
    /// minutes, from a thread of its own; writers are held up for one shard at most.
    ///
    /// # Errors
    /// What the file system says.
    pub fn maintain(&self, now: Timestamp) -> Result<(), Error> {
        let mut looked = self.inner.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.inner.retire(now).and_then(|()| self.inner.look_for_idle(now, &mut looked));
        if outcome.is_err() {
            self.inner.counters.maintenance_failures.fetch_add(1, Relaxed);
        }
        outcome
    }
}

impl Inner {
    /// Takes windows out that no longer are to be kept.
    fn retire(&self, now: Timestamp) -> Result<(), Error> {
        let oldest = now.millis().saturating_sub(millis(self.config.raw_retention));
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let windows = self.slab_files().windows();
        let past: Vec<i64> = windows.into_iter().filter(|window| window + WINDOW_MS <= oldest).collect();
        if past.is_empty() {
            return Ok(());
        }
        for number in 0..SHARDS {
            self.shard(number).slabs.retain(|slab| !past.contains(&slab.window));
        }
        let files: Vec<_> = past.iter().filter_map(|&window| self.slab_files().take(window)).collect();
        self.counters.blocks_deleted.fetch_add(files.len() as u64, Relaxed);
        self.obsolete.lock().unwrap_or_else(PoisonError::into_inner).extend(files);
        Ok(())
    }

    /// Forgets what had no sample since the last look, if that was long enough ago.
    fn look_for_idle(&self, now: Timestamp, looked: &mut Option<Timestamp>) -> Result<(), Error> {
        let since = *looked.get_or_insert(now);
        if now.since(since) < self.config.raw_retention {
            return Ok(());
        }
        for number in 0..SHARDS {
            let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
            let mut shard = self.shard(number);
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            let forgotten = shard.forget_idle(&mut index, &mut self.slab_files())?;
            self.counters.series_forgotten.fetch_add(forgotten, Relaxed);
        }
        *looked = Some(now);
        Ok(())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
