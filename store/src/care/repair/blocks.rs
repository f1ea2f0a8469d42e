//! Damaged blocks: written anew from the pages that are sound, and points from samples where those are there.

use std::collections::BTreeSet;
use std::sync::Arc;

use weir_sample::Kind;

use super::patient::{Patient, REPAIRED, instant};
use crate::codec::times;
use crate::disk::block::{Block, BlockName, BlockWriter};
use crate::disk::blocks::BLOCKS;
use crate::disk::checkpoint::Checkpoint;
use crate::disk::merge::Merge;
use crate::disk::pages::{PageMeta, Quarantine};
use crate::index::coding::Adopted;
use crate::index::{Index, SeriesId};
use crate::tier::coding;
use crate::tier::points::Points;
use crate::tier::run::{Run, decode_within};
use crate::{Error, Tier};

/// Series that are named in a report of a page; of the others it says how many.
const NAMED: usize = 5;

/// A block to be written anew.
struct Broken {
    name: BlockName,
    /// The rest of it.
    block: Option<Block>,
    damaged: Vec<PageMeta>,
    labels: Option<Index>,
}

/// Sources of a block that was written anew.
#[derive(Default)]
struct Rebuilt {
    kept: BTreeSet<SeriesId>,
    worked_out: BTreeSet<SeriesId>,
    /// First instant that was worked out again.
    since: Option<i64>,
}

impl Broken {
    fn has_lost(&self, id: SeriesId) -> bool {
        self.block.is_none() || self.damaged.iter().any(|page| page.first <= id && id <= page.last)
    }
}

impl Patient<'_> {
    pub(super) fn blocks(&mut self, checkpoint: &mut Checkpoint, head: Option<Index>) -> Result<(), Error> {
        let mut names = checkpoint.blocks.clone();
        names.sort_by_key(|text| order(text));
        let (mut sound, mut broken) = (Vec::new(), Vec::new());
        for text in names {
            let path = self.folder.join(BLOCKS).join(&text);
            let Some(name) = BlockName::parse(&text).filter(|_| path.exists()) else {
                self.lost(format!("{}: the whole block; its file is missing", path.display()));
                checkpoint.blocks.retain(|other| *other != text);
                continue;
            };
            let block = Block::open(&self.folder.join(BLOCKS), &text, Arc::new(Quarantine::default()), &self.cold)?;
            let labels = block.as_ref().map(Block::read_labels).transpose()?.flatten();
            let damaged = match block.as_ref().filter(|block| !block.is_cold()) {
                Some(block) => block.sound_pages()?.1,
                None => Vec::new(),
            };
            match block {
                Some(block) if damaged.is_empty() && labels.is_some() => sound.push(block),
                block => broken.push((text, Broken { name, block, damaged, labels })),
            }
        }
        for (text, broken) in broken {
            if let Some(block) = self.rebuild(&text, broken, &sound, head.as_ref())? {
                sound.push(block);
            } else {
                checkpoint.blocks.retain(|other| *other != text);
            }
        }
        Ok(())
    }

    /// Writes a block anew. `None`: nothing of it is left.
    fn rebuild(
        &mut self,
        text: &str,
        broken: Broken,
        sound: &[Block],
        head: Option<&Index>,
    ) -> Result<Option<Block>, Error> {
        let path = self.folder.join(BLOCKS).join(text);
        self.quarantine(&path)?;
        if BlockName::is_stub(text) {
            self.lost(format!("{}: the stub of a cold block; its object is still there", path.display()));
            return Ok(None);
        }
        let mut writer = BlockWriter::create(&self.folder.join(REPAIRED), broken.name)?;
        let rebuilt = write(&broken, sound, &mut writer)?;
        let (labels, unnamed) = labels_of(&broken, &rebuilt.kept, sound, head)?;
        self.report_lost(&broken, &rebuilt, unnamed);
        let Some(written) = writer.finish(&labels, Arc::new(Quarantine::default()))? else { return Ok(None) };
        weir_files::rename(&written.pages.path, &path)?;
        weir_files::sync_folder(&self.folder.join(BLOCKS))?;
        self.mended(format!("{} is written anew with {} series", path.display(), rebuilt.kept.len()));
        Block::open(&self.folder.join(BLOCKS), text, Arc::new(Quarantine::default()), &self.cold)
    }

    fn report_lost(&mut self, broken: &Broken, rebuilt: &Rebuilt, unnamed: usize) {
        let BlockName { tier, start, end, .. } = broken.name;
        let tier = tier.name();
        let again = match rebuilt.since {
            Some(since) => format!("; {} of them worked out again since {}", rebuilt.worked_out.len(), instant(since)),
            None => String::new(),
        };
        if broken.block.is_none() {
            let range = format!("{} to {}", instant(start), instant(end));
            self.lost(format!("{tier}: every series, {range}: the index of a block{again}"));
        }
        for page in &broken.damaged {
            let series = broken.labels.iter().flat_map(|labels| {
                let all = labels.matching(&[]).into_iter();
                let of_page = all.filter(|found| page.first <= found.id && found.id <= page.last);
                of_page.filter_map(|found| Some(labels.series_of(&found)?.to_string()))
            });
            let series: Vec<String> = series.collect();
            let more = series.len().max(page.count as usize).saturating_sub(NAMED.min(series.len()));
            let named = series.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let range = format!("{} to {}", instant(page.min_time), instant(page.max_time));
            self.lost(format!("{tier}: {named} and {more} more, {range}{again}"));
        }
        if broken.labels.is_none() && broken.block.is_some() {
            self.mended(format!(
                "{tier}: labels of a block, from {} to {}, taken from others",
                instant(start),
                instant(end)
            ));
        }
        if unnamed > 0 {
            self.lost(format!("{tier}: {unnamed} series, {} to {}: their labels", instant(start), instant(end)));
        }
    }
}

/// Writes what is sound, and what samples say of the rest.
fn write(broken: &Broken, sound: &[Block], writer: &mut BlockWriter) -> Result<Rebuilt, Error> {
    let BlockName { tier, start, end, .. } = broken.name;
    let raw = sound.iter().filter(|block| block.name.tier == Tier::Raw && !block.is_cold() && tier != Tier::Raw);
    let raw = raw.filter(|block| block.name.start < end && block.name.end > start).map(|block| block.pages.clone());
    let own = broken.block.iter().map(|block| block.pages.clone());
    let own_sources = own.clone().count();
    let mut merge = Merge::new(own.chain(raw))?;
    let mut rebuilt = Rebuilt::default();
    let mut parts: Vec<(Kind, Run, Points)> = Vec::new();
    let (mut coded, mut content) = (Vec::new(), Vec::new());
    loop {
        parts.clear();
        let next = merge.next(|at, page, entry| {
            let kind = entry.kind;
            let is_own = at < own_sources;
            if !is_own && !broken.has_lost(entry.id) {
                return Ok(());
            }
            if !parts.iter().any(|(other, ..)| *other == kind) {
                parts.push((kind, Run::empty(kind), Points::of(kind, &Run::empty(kind), tier.millis())));
            }
            let Some((_, run, points)) = parts.iter_mut().find(|(other, ..)| *other == kind) else { return Ok(()) };
            if is_own && tier != Tier::Raw {
                points.lay(coding::decode(page, entry, None)?);
            } else {
                run.lay(decode_within(page, entry, start + 1, end)?);
            }
            Ok(())
        })?;
        let Some(id) = next else { return Ok(rebuilt) };
        for (kind, run, mut points) in parts.drain(..) {
            coded.clear();
            content.clear();
            let times = if tier == Tier::Raw {
                run.encode(&mut content);
                run.times
            } else {
                if let Some(&first) = run.times.first() {
                    rebuilt.worked_out.insert(id);
                    rebuilt.since = Some(rebuilt.since.map_or(first, |since| since.min(first)));
                    points.lay(Points::of(kind, &run, tier.millis()));
                }
                coding::encode(&mut content, &points);
                points.times
            };
            if !times.is_empty() {
                rebuilt.kept.insert(id);
                times::encode_all(&mut coded, &times);
                writer.push(id, kind, &times, &coded, &content)?;
            }
        }
    }
}

/// The labels of some series: the block's own, or those that memory or other blocks know. Also how many nobody knows.
fn labels_of(
    broken: &Broken,
    kept: &BTreeSet<SeriesId>,
    sound: &[Block],
    head: Option<&Index>,
) -> Result<(Index, usize), Error> {
    let (mut labels, mut missing) = (Index::default(), kept.clone());
    for from in broken.labels.iter().chain(head) {
        adopt_labels(&mut labels, &mut missing, from);
    }
    for block in sound {
        if missing.is_empty() {
            break;
        }
        block.read_labels()?.iter().for_each(|from| adopt_labels(&mut labels, &mut missing, from));
    }
    Ok((labels, missing.len()))
}

fn adopt_labels(labels: &mut Index, missing: &mut BTreeSet<SeriesId>, from: &Index) {
    let mut adopted = Adopted::default();
    let found: Vec<_> = from.matching(&[]).into_iter().filter(|found| missing.contains(&found.id)).collect();
    for found in found {
        if let Some(common) = from.common(found.group) {
            labels.adopt(&mut adopted, from, common, found.tail);
            missing.remove(&found.id);
        }
    }
}

/// Blocks of samples come first: points are worked out again from them.
fn order(text: &str) -> (Option<Tier>, u64) {
    BlockName::parse(text).map_or((None, 0), |name| (Some(name.tier), name.number))
}
