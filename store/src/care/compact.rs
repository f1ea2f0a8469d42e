//! Blocks of two hours become blocks of a day, and points of coarser tiers blocks of longer still; late blocks are
//! merged into the ones they lie over.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use weir_sample::Kind;

use crate::codec::times;
use crate::disk::block::{Block, BlockName, BlockWriter};
use crate::disk::blocks::BlockSet;
use crate::disk::merge::Merge;
use crate::error::Damaged;
use crate::index::Index;
use crate::store::Inner;
use crate::tier::coding;
use crate::tier::points::Points;
use crate::tier::run::{Run, decode};
use crate::{Error, Tier};

const DAY_MS: i64 = 24 * 3_600_000;

/// Blocks that lie over a merged one before all are merged again: it is written anew in full.
const MOST_OVERLAYS: usize = 4;

impl BlockName {
    /// End of the longest stretch that its block can be merged to.
    pub(crate) fn stretch_end(&self) -> i64 {
        self.stretch_start() + self.longest()
    }

    fn stretch_start(&self) -> i64 {
        self.start.div_euclid(self.longest()) * self.longest()
    }

    fn longest(&self) -> i64 {
        self.tier.spans().iter().max().copied().unwrap_or(1)
    }
}

impl Tier {
    /// Lengths to which blocks are merged.
    const fn spans(self) -> &'static [i64] {
        match self {
            Self::Raw => &[DAY_MS],
            Self::Minute => &[DAY_MS, 8 * DAY_MS],
            Self::Hour => &[DAY_MS, 32 * DAY_MS],
        }
    }
}

/// Blocks to be merged into one.
struct Job {
    name: BlockName,
    blocks: Vec<Arc<Block>>,
}

/// Outcome of a merge of blocks.
enum Merged {
    /// The new block; none if every series was past its retention.
    Whole(Option<Arc<Block>>),
    /// One of them is damaged.
    Damaged,
}

/// One series of one kind, in samples or in points.
enum Part {
    Samples(Run),
    Points(Points),
}

impl Inner {
    /// Merges what is due. Returns whether there was something.
    pub(crate) fn compact(&self) -> Result<bool, Error> {
        let set = self.block_set();
        let Some(job) = self.find_job(&set)? else { return Ok(false) };
        let gone: Vec<u64> = job.blocks.iter().map(|block| block.name.number).collect();
        match self.merge_blocks(&job)? {
            Merged::Whole(block) => {
                self.publish(&gone, block.into_iter().collect(), i64::MIN, |_| ());
                self.counters.compactions.fetch_add(1, Relaxed);
            }
            // What is damaged stays as it is, so that a sound copy can take its place.
            Merged::Damaged => self.damaged_blocks.lock().extend(gone),
        }
        Ok(true)
    }

    fn find_job(&self, set: &BlockSet) -> Result<Option<Job>, Error> {
        let damaged = self.damaged_blocks.lock().clone();
        for tier in Tier::ALL {
            for &span in tier.spans() {
                let stretch = |block: &Arc<Block>| block.name.start.div_euclid(span);
                let fits = |block: &&Arc<Block>| {
                    let end = (stretch(block) + 1) * span;
                    block.name.end <= end && end <= set.frontier && !damaged.contains(&block.name.number)
                };
                let blocks: Vec<_> = set.of(tier).filter(fits).cloned().collect();
                for same in blocks.chunk_by(|a, b| stretch(a) == stretch(b)) {
                    // What was moved to the object store stays as it is, and so does what lies over it.
                    if same.iter().any(|block| block.is_cold()) {
                        continue;
                    }
                    let whole = same.iter().any(|block| block.name.span() == span);
                    if same.len() >= if whole { 1 + MOST_OVERLAYS } else { 2 } {
                        let start = stretch(&same[0]) * span;
                        let name = BlockName { tier, start, end: start + span, number: self.next_block() };
                        return Ok(Some(Job { name, blocks: same.to_vec() }));
                    }
                }
            }
        }
        self.find_reduction(set, &damaged)
    }

    /// Blocks that have series past their retention beside others that are not, once after each retention.
    fn find_reduction(&self, set: &BlockSet, damaged: &[u64]) -> Result<Option<Job>, Error> {
        for tier in Tier::ALL.into_iter().filter(|_| !self.config.rules.is_empty()) {
            let blocks: Vec<_> = set.of(tier).cloned().collect();
            for same in blocks.chunk_by(|a, b| a.name.stretch_end() == b.name.stretch_end()) {
                let (start, end) = (same[0].name.stretch_start(), same[0].name.stretch_end());
                let fixed = |block: &Arc<Block>| block.is_cold() || damaged.contains(&block.name.number);
                let now = self.now.load(Relaxed);
                let has_passed = |kept: &Duration| i128::from(end) + kept.as_millis() as i128 <= i128::from(now);
                let passed = self.config.retentions(tier).filter(has_passed).count();
                if passed == 0 || end > set.frontier || same.iter().any(fixed) {
                    continue;
                }
                let mut reduced = self.reduced.lock();
                if reduced.insert((tier, start), passed) == Some(passed) {
                    continue;
                }
                for block in same {
                    let labels = block.read_labels()?;
                    if labels.is_some_and(|labels| !self.passed(&labels, tier, end).is_empty()) {
                        let name = BlockName { tier, start, end, number: self.next_block() };
                        return Ok(Some(Job { name, blocks: same.to_vec() }));
                    }
                }
            }
        }
        Ok(None)
    }

    fn merge_blocks(&self, job: &Job) -> Result<Merged, Error> {
        let (mut index, mut left_out) = (Index::default(), HashSet::new());
        for block in &job.blocks {
            let Some(labels) = block.read_labels()? else { return Ok(Merged::Damaged) };
            let passed = self.passed(&labels, job.name.tier, job.name.end);
            index.adopt_all(&labels, &passed);
            left_out.extend(passed);
        }
        let mut writer = BlockWriter::create(&self.blocks_folder(), job.name)?;
        let mut merge = Merge::new(job.blocks.iter().map(|block| block.pages.clone()))?;
        let (mut parts, mut coded_times, mut content) = (Vec::<(Kind, Part)>::new(), Vec::new(), Vec::new());
        loop {
            parts.clear();
            let next = merge.next(|_, page, entry| {
                let part = match job.name.tier {
                    Tier::Raw => Part::Samples(decode(page, entry)?),
                    Tier::Minute | Tier::Hour => Part::Points(coding::decode(page, entry, None)?),
                };
                match parts.iter_mut().find(|(kind, _)| *kind == entry.kind) {
                    Some((_, before)) => before.lay(part)?,
                    None => parts.push((entry.kind, part)),
                }
                Ok(())
            })?;
            let Some(id) = next else { break };
            self.go_on()?;
            if left_out.contains(&((id >> 96) as u32)) {
                continue;
            }
            for (kind, part) in &parts {
                coded_times.clear();
                content.clear();
                let times = part.encode(&mut content);
                times::encode_all(&mut coded_times, times);
                writer.push(id, *kind, times, &coded_times, &content)?;
            }
        }
        if job.blocks.iter().any(|block| block.pages.is_damaged()) {
            writer.abandon()?;
            return Ok(Merged::Damaged);
        }
        writer.finish(&index, self.quarantine.clone()).map(Merged::Whole)
    }
}

impl Part {
    fn lay(&mut self, over: Self) -> Result<(), Damaged> {
        match (self, over) {
            (Self::Samples(run), Self::Samples(over)) => run.lay(over),
            (Self::Points(points), Self::Points(over)) => points.lay(over),
            _ => return Err(Damaged("samples among points")),
        }
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) -> &[i64] {
        match self {
            Self::Samples(run) => {
                run.encode(out);
                &run.times
            }
            Self::Points(points) => {
                coding::encode(out, points);
                &points.times
            }
        }
    }
}
