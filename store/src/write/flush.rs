//! From slabs to blocks: when a window is past, its slabs are merged into one block of samples and one block of points
//! for each coarser tier. Samples that come later make further blocks for the window, laid over the first.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use weir_sample::Kind;

use crate::codec::times;
use crate::disk::block::{Block, BlockName, BlockWriter};
use crate::disk::merge::Merge;
use crate::disk::pages::PageCursor;
use crate::disk::slab::Slab;
use crate::head::seal::{Extent, WINDOW_MS};
use crate::head::shard::SHARDS;
use crate::index::coding::Adopted;
use crate::index::matching::Match;
use crate::index::{Index, SeriesId, SetId};
use crate::store::Inner;
use crate::tier::coding;
use crate::tier::points::Points;
use crate::tier::run::{Run, decode, decode_within};
use crate::{Error, Tier};

/// The blocks that are written of one window.
struct Writers<'a> {
    inner: &'a Inner,
    writers: Vec<(Tier, BlockWriter)>,
    /// Blocks with samples of the same window: late ones are laid over them before points are worked out.
    before: Vec<PageCursor>,
    window: i64,
    labels: HeadLabels<'a>,
    index: Index,
    /// By metric and tier, whether its samples of this window are past retention.
    passed: HashMap<(u32, Tier), bool>,
    last_times: Vec<i64>,
    coded_times: Vec<u8>,
    content: Vec<u8>,
}

impl Inner {
    /// Moves all windows that end at or before `frontier` to blocks.
    pub(crate) fn flush(&self, frontier: i64) -> Result<(), Error> {
        self.seal_until(frontier)?;
        let windows = self.slab_files().windows();
        let mut deferred = false;
        for window in windows.into_iter().filter(|window| window + WINDOW_MS <= frontier) {
            match self.flush_window(window) {
                // Late samples over a block in the object store wait until it answers; other windows do not.
                Err(Error::Remote { .. }) => deferred = true,
                outcome => outcome?,
            }
        }
        self.deferred.store(deferred, Relaxed);
        if deferred {
            self.counters.maintenance_failures.fetch_add(1, Relaxed);
            self.sweep();
        }
        self.publish(&[], Vec::new(), frontier, |_| ());
        Ok(())
    }

    /// Seals what is open of the time up to `frontier`: of active groups nothing, they sealed it by themselves.
    fn seal_until(&self, frontier: i64) -> Result<(), Error> {
        for number in 0..SHARDS {
            self.seal(&mut self.shard_to_write(number), |group| {
                let extent = if group.newest <= frontier { Extent::All } else { Extent::ButNewest };
                (group.oldest_open() <= frontier).then_some(extent)
            })?;
        }
        Ok(())
    }

    fn flush_window(&self, window: i64) -> Result<(), Error> {
        let files = self.slab_files().close(window);
        let mut slabs: Vec<Arc<Slab>> = Vec::new();
        for number in 0..SHARDS {
            let shard = self.shard(number);
            slabs
                .extend(shard.slabs.iter().filter(|slab| slab.window == window && files.contains(&slab.file)).cloned());
        }
        slabs.sort_by_key(|slab| slab.sequence);
        let blocks = self.merge_slabs(window, &slabs)?;
        self.publish(&[], blocks, window + WINDOW_MS, |epoch| {
            slabs.iter().for_each(|slab| slab.flushed.store(epoch, Relaxed));
            let paths = files.iter().filter_map(|&number| self.slab_files().remove(window, number)).collect::<Vec<_>>();
            self.obsolete.lock().extend(paths);
        });
        self.counters.flushes.fetch_add(1, Relaxed);
        Ok(())
    }

    fn merge_slabs(&self, window: i64, slabs: &[Arc<Slab>]) -> Result<Vec<Arc<Block>>, Error> {
        let mut writers = Writers::create(self, window)?;
        let mut merge = Merge::new(slabs.iter().map(|slab| slab.pages.clone()))?;
        let mut runs: Vec<(Kind, Run)> = Vec::new();
        loop {
            runs.clear();
            let next = merge.next(|_, page, entry| {
                let run = decode(page, entry)?;
                match runs.iter_mut().find(|(kind, _)| *kind == entry.kind) {
                    Some((_, before)) => before.lay(run),
                    None => runs.push((entry.kind, run)),
                }
                Ok(())
            })?;
            let Some(id) = next else { return writers.finish() };
            self.go_on()?;
            writers.labels.copy(id, &mut writers.index);
            for (kind, run) in runs.drain(..) {
                writers.push(id, kind, run)?;
            }
        }
    }
}

impl<'a> Writers<'a> {
    fn create(inner: &'a Inner, window: i64) -> Result<Self, Error> {
        let set = inner.block_set();
        let end = window + WINDOW_MS;
        let overlapping = set.of(Tier::Raw).filter(|block| block.name.start < end && block.name.end > window);
        let before = overlapping.map(|block| PageCursor::new(block.pages.clone())).collect();
        let mut writers = Vec::new();
        for tier in Tier::ALL.into_iter().filter(|&tier| !inner.config.longest_retention(tier).is_zero()) {
            let name = BlockName { tier, start: window, end, number: inner.next_block() };
            writers.push((tier, BlockWriter::create(&inner.blocks_folder(), name)?));
        }
        Ok(Self {
            inner,
            writers,
            before,
            window,
            labels: HeadLabels::new(inner),
            index: Index::default(),
            passed: HashMap::new(),
            last_times: Vec::new(),
            coded_times: Vec::new(),
            content: Vec::new(),
        })
    }

    fn push(&mut self, id: SeriesId, kind: Kind, run: Run) -> Result<(), Error> {
        let mut full: Option<Run> = None;
        for cursor in &mut self.before {
            cursor.each(id, self.window + 1, self.window + WINDOW_MS, |page, entry| {
                if entry.kind == kind {
                    let before = decode_within(page, entry, self.window + 1, self.window + WINDOW_MS)?;
                    full.get_or_insert_with(|| Run::empty(kind)).lay(before);
                }
                Ok(())
            })?;
        }
        let (mut rest, mut full) = (run, full);
        if let Some(full) = &mut full {
            full.lay(rest.clone());
        }
        for at in 0..self.writers.len() {
            let tier = self.writers[at].0;
            if self.is_past(tier, id) {
                continue;
            }
            self.content.clear();
            if tier == Tier::Raw {
                rest.encode(&mut self.content);
                let times = std::mem::take(&mut rest.times);
                self.write(at, id, kind, &times)?;
                rest.times = times;
            } else {
                let points = Points::of(kind, full.as_ref().unwrap_or(&rest), tier.millis());
                coding::encode(&mut self.content, &points);
                self.write(at, id, kind, &points.times)?;
            }
        }
        Ok(())
    }

    /// Whether the metric of a series is not kept that long in a tier, or not at all.
    fn is_past(&mut self, tier: Tier, id: SeriesId) -> bool {
        if self.inner.config.rules.is_empty() {
            return false;
        }
        let end = self.window + WINDOW_MS;
        let (inner, index) = (self.inner, &self.index);
        let passed = self.passed.entry(((id >> 96) as u32, tier)).or_insert_with_key(|(name, _)| {
            let all = inner.passed(index, tier, end);
            all.contains(name)
        });
        *passed
    }

    fn write(&mut self, at: usize, id: SeriesId, kind: Kind, times: &[i64]) -> Result<(), Error> {
        if self.last_times != times {
            self.coded_times.clear();
            times::encode_all(&mut self.coded_times, times);
            times.clone_into(&mut self.last_times);
        }
        self.writers[at].1.push(id, kind, times, &self.coded_times, &self.content)
    }

    fn finish(self) -> Result<Vec<Arc<Block>>, Error> {
        let mut blocks = Vec::new();
        for (_, writer) in self.writers {
            blocks.extend(writer.finish(&self.index, self.inner.quarantine.clone())?);
        }
        Ok(blocks)
    }
}

/// Finds the labels of series by rising identity, one metric name at a time, so that it never holds them all.
struct HeadLabels<'a> {
    inner: &'a Inner,
    tails: HashMap<u32, Vec<SetId>>,
    name: Option<u32>,
    series: Vec<Match>,
    adopted: Adopted,
}

impl<'a> HeadLabels<'a> {
    fn new(inner: &'a Inner) -> Self {
        let index = inner.index();
        let mut tails = HashMap::<u32, Vec<SetId>>::new();
        for tail in &index.tails.all() {
            tails.entry(index.tails.name(tail)).or_default().push(tail);
        }
        Self { inner, tails, name: None, series: Vec::new(), adopted: Adopted::default() }
    }

    /// Adds the series to a block's labels.
    fn copy(&mut self, id: SeriesId, labels: &mut Index) {
        let name = (id >> 96) as u32;
        let index = self.inner.index();
        if self.name != Some(name) {
            self.name = Some(name);
            self.series = index.series_of_tails(self.tails.get(&name).map_or(&[], Vec::as_slice));
        }
        let from = self.series.partition_point(|found| found.id < id);
        for found in self.series[from..].iter().take_while(|found| found.id == id) {
            if let Some(common) = index.common(found.group) {
                labels.adopt(&mut self.adopted, &index, common, found.tail);
            }
        }
    }
}
