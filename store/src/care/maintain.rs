//! What is done from time to time beside reading and writing: windows that are past become blocks, blocks are merged,
//! what is past its retention goes, idle series leave memory.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use weir_sample::Timestamp;

use crate::head::seal::{WINDOW_MS, window_of};
use crate::head::shard::SHARDS;
use crate::store::Inner;
use crate::{Error, Store, Tier};

impl Store {
    /// Does what is due. To be called every few seconds to minutes, from a thread of its own; writers are held up for
    /// one shard at most.
    ///
    /// # Errors
    /// What the file system says. The store is as it was, and the next call tries again.
    pub fn maintain(&self, now: Timestamp) -> Result<(), Error> {
        let mut looked = self.inner.looked.lock();
        let outcome = self.inner.refusal.check().and_then(|()| self.inner.do_due(now, &mut looked));
        if let Err(error) = &outcome {
            let failed = !matches!(error, Error::Stopped);
            self.inner.counters.maintenance_failures.fetch_add(failed.into(), Relaxed);
            self.inner.sweep();
        }
        outcome
    }

    /// Makes a call of [`Store::maintain`] that is under way, and every later one, end soon with [`Error::Stopped`]: to be
    /// called ahead of the last checkpoint, because a merge of large blocks takes minutes.
    pub fn stop_maintenance(&self) {
        self.inner.stopping.store(true, Relaxed);
    }
}

impl Inner {
    /// Asked between two series of a merge.
    pub(crate) fn go_on(&self) -> Result<(), Error> {
        if self.stopping.load(Relaxed) { Err(Error::Stopped) } else { Ok(()) }
    }

    fn do_due(&self, now: Timestamp, looked: &mut Option<Timestamp>) -> Result<(), Error> {
        let before = self.now.swap(now.millis(), Relaxed);
        self.hide_past(before, now.millis());
        self.flush_past(now)?;
        self.retire_blocks(now);
        let newest = self.watermark.load(Relaxed).min(now.millis());
        if newest == i64::MIN {
            return Ok(());
        }
        let frontier = window_of(newest.saturating_sub(millis(self.config.block_delay)));
        if frontier > self.block_set().frontier {
            self.flush(frontier)?;
        }
        while self.compact()? {}
        if self.blocks.lock().is_settled() {
            self.drop_flushed();
            self.look_for_idle(Timestamp(newest), looked)?;
        }
        Ok(())
    }

    /// Removes block files that were begun and do not count. What cannot be removed is removed at the next start.
    pub(crate) fn sweep(&self) {
        let set = self.block_set();
        let obsolete = self.obsolete.lock();
        let folder = self.blocks_folder();
        for path in weir_files::names(&folder).unwrap_or_default().into_iter().map(|name| folder.join(name)) {
            // The stub of a block that is being moved is in no set yet.
            let stub = path.extension().is_some_and(|extension| extension == "cold");
            if !stub && !obsolete.contains(&path) && !set.blocks.iter().any(|block| block.pages.path == path) {
                let _ = weir_files::remove(&path);
            }
        }
    }

    /// Moves windows to blocks that are past the retention of raw samples already: imports, or what was there before a
    /// long stop. Their samples go at once, their points stay.
    fn flush_past(&self, now: Timestamp) -> Result<(), Error> {
        let frontier = window_of(now.millis().saturating_sub(millis(self.config.raw_retention)));
        let windows = self.slab_files().windows();
        if windows.iter().any(|window| window + WINDOW_MS <= frontier) { self.flush(frontier) } else { Ok(()) }
    }

    /// Says that samples have gone past a retention by rule, or are within it again: queries no longer answer as before.
    fn hide_past(&self, before: i64, now: i64) {
        if self.config.rules.is_empty() || before == now {
            return;
        }
        for retention in self.config.retentions(Tier::Raw).map(millis) {
            let since = |now: i64| now.saturating_sub(retention);
            self.versions.touch_span(since(before.min(now)).saturating_sub(1), since(before.max(now)));
        }
    }

    fn retire_blocks(&self, now: Timestamp) {
        let is_past =
            |tier: Tier, end: i64| end <= now.millis().saturating_sub(millis(self.config.longest_retention(tier)));
        let set = self.block_set();
        let names = set.blocks.iter().map(|block| &block.name).chain(set.lost.iter().map(|lost| &lost.name));
        let past: Vec<u64> = names.filter(|name| is_past(name.tier, name.end)).map(|name| name.number).collect();
        if !past.is_empty() {
            self.publish(&past, Vec::new(), i64::MIN, |_| ());
            self.counters.blocks_deleted.fetch_add(past.len() as u64, Relaxed);
        }
    }

    /// Drops slabs that are in blocks, once nobody reads an older set of blocks.
    fn drop_flushed(&self) {
        for number in 0..SHARDS {
            self.shard(number).slabs.retain(|slab| slab.is_open_to(u64::MAX));
        }
    }

    /// Forgets what had no sample since the last look, if that was long enough ago. Everything up to that look must be
    /// in blocks, which have their own labels.
    fn look_for_idle(&self, now: Timestamp, looked: &mut Option<Timestamp>) -> Result<(), Error> {
        let since = *looked.get_or_insert(now);
        let in_blocks = since.millis() <= self.block_set().frontier && !self.deferred.load(Relaxed);
        if now.since(since) < self.config.idle_after || !in_blocks {
            return Ok(());
        }
        for number in 0..SHARDS {
            let _gate = self.gate.write();
            let mut shard = self.shard_to_write(number);
            let mut index = self.index.write();
            let forgotten = shard.forget_idle(&mut index, &mut self.slab_files())?;
            self.counters.series_forgotten.fetch_add(forgotten, Relaxed);
            if forgotten > 0 {
                self.versions.touch_whole();
            }
        }
        *looked = Some(now);
        Ok(())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
