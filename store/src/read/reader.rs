//! What a query keeps open while it goes from series to series, and how it reads one.

use std::collections::{BTreeSet, HashMap};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use weir_sample::{Kind, Series};

use crate::disk::block::BlockName;
use crate::disk::blocks::BlockSet;
use crate::disk::page::{Entry, Page, PageMeta};
use crate::disk::pages::PageCursor;
use crate::error::Damaged;
use crate::head::shard::place_of;
use crate::index::matching::Match;
use crate::index::{Index, SeriesId};
use crate::read::holes::{self, Hole, Span};
use crate::read::pieces::Pieces;
use crate::store::Inner;
use crate::tier::coding;
use crate::tier::points::Points;
use crate::tier::run::Run;
use crate::{Answered, Column, Error, Hint, Matcher, Selection, SeriesData, Tier};

/// The slabs of a shard that a query reads.
struct Sealed {
    /// Number of slabs and sequence of the newest when this was made: unless they have changed, it still stands.
    made_of: (usize, Option<u64>),
    cursors: Vec<PageCursor>,
}

/// A block that a query reads: its labels, and the page that it is at.
struct Source {
    labels: Option<Arc<Index>>,
    cursor: PageCursor,
}

/// A series that satisfies a question, and who says so: 0 is memory, the others are blocks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub id: SeriesId,
    pub(super) source: u32,
    pub found: Match,
}

/// The sources that a query keeps open while it goes from series to series.
pub(crate) struct Reader<'a> {
    inner: &'a Inner,
    set: Arc<BlockSet>,
    tier: Tier,
    start: i64,
    end: i64,
    sources: Vec<Source>,
    /// The object store did not answer: the rest of the query does without it.
    unreachable: Arc<AtomicBool>,
    /// By shard.
    slabs: HashMap<usize, Sealed>,
    /// Blocks of coarser tiers, opened once something is damaged.
    fillers: Option<Vec<(Tier, Source)>>,
    /// Stretches of whole blocks that are damaged.
    lost: Vec<Span>,
    /// What was found damaged.
    holes: BTreeSet<Hole>,
    /// Of the series before: the next mostly has as many.
    samples_before: usize,
    /// Whether series are read shard by shard, and the stretch of them that is being read.
    by_shard: bool,
    stretch: Range<usize>,
    /// Floats are passed over.
    pub(super) histograms_alone: bool,
}

impl Found {
    pub(crate) const fn is_in_memory(&self) -> bool {
        self.source == 0
    }
}

impl Source {
    /// As [`PageCursor::each`], without the object store once it did not answer.
    fn each(
        &mut self,
        unreachable: &AtomicBool,
        id: SeriesId,
        (start, end): (i64, i64),
        each: impl FnMut(&Page, &Entry) -> Result<(), Damaged>,
    ) -> Result<(), Error> {
        if self.cursor.is_cold() && unreachable.load(Relaxed) {
            return Ok(());
        }
        match self.cursor.each(id, start, end, each) {
            Err(Error::Remote { .. }) => {
                unreachable.store(true, Relaxed);
                Ok(())
            }
            outcome => outcome,
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(inner: &'a Inner, selection: &Selection<'_>) -> Result<Self, Error> {
        let (start, end) = (selection.start.millis(), selection.end.millis());
        let set = inner.block_set();
        let tier = inner.tier_for(&set, start, selection.matchers);
        let start = start.saturating_sub(2 * tier.millis());
        let mut sources = Vec::new();
        let is_lost = |name: &BlockName| name.tier == tier && name.start <= end && name.end >= start;
        let lost = set.lost.iter().map(|lost| &lost.name).filter(|name| is_lost(name));
        let mut lost: Vec<Span> = lost.map(|name| (name.start, name.end)).collect();
        for block in set.of(tier).filter(|block| block.overlaps(start, end)).cloned() {
            let labels = inner.labels.labels(&block)?;
            if labels.is_none() {
                lost.push(block.pages.span);
            }
            sources.push(Source { cursor: PageCursor::new(block.pages.clone()), labels });
        }
        let mut reader = Self {
            inner,
            set,
            tier,
            start,
            end,
            sources,
            unreachable: Arc::default(),
            slabs: HashMap::new(),
            fillers: None,
            lost,
            holes: BTreeSet::new(),
            samples_before: 0,
            by_shard: false,
            stretch: 0..0,
            histograms_alone: false,
        };
        let lost = reader.lost.clone();
        reader.note(tier, &lost);
        if !lost.is_empty() {
            // They also know the series whose labels are damaged.
            reader.open_fillers()?;
        }
        Ok(reader)
    }

    pub(crate) fn answered(&self) -> Answered {
        let holes = holes::joined(&self.holes);
        Answered { tier: self.tier, partial: self.unreachable.load(Relaxed), holes }
    }

    /// A reader of the same blocks, for another thread.
    pub(crate) fn another(&self) -> Self {
        let source = |source: &Source| Source { labels: source.labels.clone(), cursor: source.cursor.another() };
        let sources = self.sources.iter().map(source).collect();
        let fillers = self.fillers.as_ref();
        let fillers = fillers.map(|all| all.iter().map(|(tier, filler)| (*tier, source(filler))).collect());
        let (unreachable, lost) = (self.unreachable.clone(), self.lost.clone());
        let (set, slabs, holes) = (self.set.clone(), HashMap::new(), BTreeSet::new());
        let stretch = self.stretch.clone();
        Self { set, sources, unreachable, slabs, fillers, lost, holes, stretch, ..*self }
    }

    /// What was found damaged since this was asked last.
    pub(crate) fn take_holes(&mut self) -> BTreeSet<Hole> {
        std::mem::take(&mut self.holes)
    }

    /// Adds what another reader found.
    pub(crate) fn add_holes(&mut self, holes: BTreeSet<Hole>) {
        self.holes.extend(holes);
    }

    fn note(&mut self, tier: Tier, spans: &[Span]) {
        let hole = |&(start, end): &Span| Hole { tier, start: start.max(self.start), end: end.min(self.end) };
        self.holes.extend(spans.iter().map(hole).filter(|hole| hole.start <= hole.end));
    }

    fn open_fillers(&mut self) -> Result<(), Error> {
        if self.fillers.is_none() {
            let tier = self.tier;
            let (mut fillers, mut unlabelled) = (Vec::new(), Vec::new());
            for block in self.set.blocks.iter().filter(|block| block.name.tier > tier) {
                if block.overlaps(self.start, self.end.saturating_add(block.name.tier.millis())) {
                    let labels = self.inner.labels.labels(block)?;
                    if labels.is_none() {
                        unlabelled.push((block.name.tier, block.pages.span));
                    }
                    fillers.push((block.name.tier, Source { labels, cursor: PageCursor::new(block.pages.clone()) }));
                }
            }
            self.fillers = Some(fillers);
            let is_coarser = |name: &BlockName| name.tier > tier && name.start <= self.end && name.end >= self.start;
            let lost = self.set.lost.iter().map(|lost| &lost.name).filter(|name| is_coarser(name));
            unlabelled.extend(lost.map(|name| (name.tier, (name.start, name.end))));
            unlabelled.iter().for_each(|(tier, span)| self.note(*tier, &[*span]));
        }
        Ok(())
    }

    /// What a coarser tier has of a series around holes.
    fn coarser(&mut self, tier: Tier, id: SeriesId, kind: Kind, holes: &[Span], hint: Hint) -> Result<Points, Error> {
        self.open_fillers()?;
        let resolution = tier.millis();
        let mut points = Points::of(kind, &Run::empty(kind), resolution);
        let first = holes.iter().map(|hole| hole.0).min().unwrap_or(i64::MAX);
        let last = holes.iter().map(|hole| hole.1).max().unwrap_or(i64::MIN).saturating_add(resolution);
        let (mut fillers, mut damaged) = (self.fillers.take(), Vec::new());
        for (_, source) in fillers.iter_mut().flatten().filter(|(of, _)| *of == tier) {
            source.each(&self.unreachable, id, (first, last), |page, entry| {
                if entry.kind == kind {
                    points.lay(coding::decode(page, entry, Some(hint))?);
                }
                Ok(())
            })?;
            damaged.append(&mut source.cursor.damaged);
        }
        self.fillers = fillers;
        self.note(tier, &damaged);
        Ok(points)
    }

    /// Labels of a source of [`Reader::find`]; memory is none.
    fn index(&self, source: u32) -> Option<&Index> {
        let at = (source as usize).checked_sub(1)?;
        let filler = || self.fillers.as_ref()?.get(at - self.sources.len()).map(|(_, source)| source);
        self.sources.get(at).or_else(filler)?.labels.as_deref()
    }

    /// Some series of an answer.
    pub(crate) fn batch(&mut self, found: &[Found], selection: &Selection<'_>) -> Result<Vec<SeriesData>, Error> {
        let mut batch = Vec::with_capacity(found.len());
        for same in found.chunk_by(|a, b| a.id == b.id) {
            let _ = self.series(same, selection, &mut |data| {
                batch.push(data);
                ControlFlow::Continue(())
            })?;
        }
        Ok(batch)
    }

    /// Pages of the blocks that have a part, where it pays to read series shard by shard: not where next to nothing is newer than
    /// blocks, nor where holes are to be filled.
    pub(crate) fn pages_beside_shards(&self) -> Option<Vec<&[PageMeta]>> {
        let pays = self.fillers.is_none() && self.end > self.set.frontier;
        pays.then(|| self.sources.iter().map(|source| source.cursor.index()).collect())
    }

    /// First and last instant of what is read.
    pub(crate) fn span(&self) -> Span {
        (self.start, self.end)
    }

    /// From now on series come in stretches, in any order within one.
    pub(crate) fn by_shard(&mut self) {
        self.by_shard = true;
    }

    /// To be called before series of a stretch are read.
    pub(crate) fn begin(&mut self, stretch: &Range<usize>) {
        if self.by_shard && self.stretch != *stretch {
            self.stretch = stretch.clone();
            self.sources.iter_mut().for_each(|source| source.cursor.keep_anew());
        }
    }

    /// Every series that some source knows, in order of identity.
    pub(crate) fn find(&self, matchers: &[Matcher]) -> Vec<Found> {
        let of = |source: usize, found: Match| Found { id: found.id, source: source as u32, found };
        let mut all: Vec<Found> = self.inner.index().matching(matchers).into_iter().map(|found| of(0, found)).collect();
        let fillers = self.fillers.iter().flatten().map(|(_, source)| source);
        for (at, labels) in self.sources.iter().chain(fillers).enumerate() {
            let matches = labels.labels.iter().flat_map(|labels| labels.matching(matchers));
            all.extend(matches.map(|found| of(at + 1, found)));
        }
        // Made of sorted stretches, which this sort takes as they are.
        all.sort();
        all
    }

    /// One series, in two pieces if it has both floats and histograms: the same identity may be in many places, and in more than
    /// one group, when an agent got a new id.
    pub(crate) fn series(
        &mut self,
        same: &[Found],
        selection: &Selection<'_>,
        each: &mut dyn FnMut(SeriesData) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut kinds = Vec::with_capacity(1);
        // Memory last: the last writer of a name decides what it is.
        for found in same.iter().rev() {
            let Some(kind) = self.kind(found) else { continue };
            kinds.retain(|&other| other != kind);
            if kind == Kind::Distribution || !self.histograms_alone {
                kinds.push(kind);
            }
        }
        let (mut pieces, mut tier) = (Pieces::default(), self.tier);
        for kind in kinds {
            let run = match self.tier {
                Tier::Raw => self.samples(same, kind, selection.hint, &mut tier)?,
                Tier::Minute | Tier::Hour => self.points(same, kind, selection.hint, &mut tier)?,
            };
            pieces.add(kind, run);
        }
        if pieces.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(series) = same.iter().find_map(|found| self.labels(found)) else {
            return Ok(ControlFlow::Continue(()));
        };
        let since = self.inner.kept_since(self.tier, Some(series.name()));
        Ok(pieces.give(series, tier, since, each))
    }

    fn kind(&self, found: &Found) -> Option<Kind> {
        match (found.source as usize).checked_sub(1) {
            None => self.inner.index().kind_of(&found.found),
            Some(_) => self.index(found.source)?.kind_of(&found.found),
        }
    }

    fn labels(&self, found: &Found) -> Option<Series> {
        match (found.source as usize).checked_sub(1) {
            None => self.inner.index().series_of(&found.found),
            Some(_) => self.index(found.source)?.series_of(&found.found),
        }
    }

    /// The samples of a series as they came.
    fn samples(&mut self, same: &[Found], kind: Kind, hint: Hint, tier: &mut Tier) -> Result<Run, Error> {
        let (start, end) = (self.start, self.end);
        let mut holes = self.lost.clone();
        let mut all = Run::with_room(kind, self.samples_before);
        for source in &mut self.sources {
            source.each(&self.unreachable, same[0].id, (start, end), |page, entry| {
                if entry.kind == kind {
                    all.lay_page(page, entry, start, end)?;
                }
                Ok(())
            })?;
            holes.append(&mut source.cursor.damaged);
        }
        self.recent(same, kind, (start, end), &mut all, &mut holes)?;
        if !holes.is_empty() {
            self.note(Tier::Raw, &holes);
            for coarser in [Tier::Minute, Tier::Hour] {
                let points = self.coarser(coarser, same[0].id, kind, &holes, holes::beside_samples(hint))?;
                let filled = holes::fill_run(&mut all, points, coarser.millis(), &holes, hint);
                // An instant sees a point of an hour for an hour; counts are of samples as they came.
                *tier = if filled && coarser == Tier::Hour && hint != Hint::Count { coarser } else { *tier };
            }
            all = all.within(start, end);
        }
        self.samples_before = all.times.len();
        Ok(all)
    }

    /// The points of a series: those in blocks, then those of samples that are not in blocks yet.
    fn points(&mut self, same: &[Found], kind: Kind, hint: Hint, tier: &mut Tier) -> Result<Run, Error> {
        let mut holes = self.lost.clone();
        let (start, end, resolution) = (self.start, self.end, self.tier.millis());
        let mut points = Points::of(kind, &Run::empty(kind), resolution);
        for source in &mut self.sources {
            source.each(&self.unreachable, same[0].id, (start, end), |page, entry| {
                if entry.kind == kind {
                    points.lay(coding::decode(page, entry, Some(hint))?);
                }
                Ok(())
            })?;
            holes.append(&mut source.cursor.damaged);
        }
        if !holes.is_empty() && self.tier == Tier::Minute {
            let coarser = self.coarser(Tier::Hour, same[0].id, kind, &holes, hint)?;
            if holes::fill_points(&mut points, coarser, Tier::Hour.millis(), &holes) {
                *tier = Tier::Hour;
            }
        }
        let since = start.saturating_sub(resolution).max(self.set.frontier).saturating_add(1);
        let mut newest = None;
        if since <= end {
            let mut run = Run::empty(kind);
            self.recent(same, kind, (since, end), &mut run, &mut holes)?;
            newest = run.times.last().copied();
            points.lay(Points::of(kind, &run, resolution));
        }
        self.note(self.tier, &holes);
        let mut run = points.read(hint);
        // A stretch that is not over yet stands where its last sample does.
        if let (Some(last), Some(newest)) = (run.times.last_mut(), newest) {
            *last = if *last > end { newest } else { *last };
        }
        Ok(run.within(start, end))
    }

    /// Lays what slabs and open chunks have of a series over older samples.
    fn recent(
        &mut self,
        same: &[Found],
        kind: Kind,
        range: (i64, i64),
        all: &mut Run,
        holes: &mut Vec<Span>,
    ) -> Result<(), Error> {
        for found in same.iter().filter(|found| found.source == 0) {
            if same.len() > 1 && self.kind(found) != Some(kind) {
                continue;
            }
            let Some(open) = self.open(&found.found, kind, range)? else { continue };
            let sealed = self.slabs.get_mut(&place_of(found.found.group).0);
            for cursor in sealed.into_iter().flat_map(|sealed| &mut sealed.cursors) {
                cursor.each(found.id, range.0, range.1, |page, entry| {
                    if entry.kind == kind {
                        all.lay_page(page, entry, range.0, range.1)?;
                    }
                    Ok(())
                })?;
                holes.append(&mut cursor.damaged);
            }
            all.lay(open);
        }
        Ok(())
    }

    /// The open samples of a series. The slabs that have the sealed ones are noted at the same instant.
    fn open(&mut self, found: &Match, kind: Kind, (start, end): (i64, i64)) -> Result<Option<Run>, Error> {
        let (number, slot) = place_of(found.group);
        let shard = self.inner.shard(number);
        let made_of = (shard.slabs.len(), shard.slabs.last().map(|slab| slab.sequence));
        if self.slabs.get(&number).is_none_or(|sealed| sealed.made_of != made_of) {
            let epoch = self.set.epoch;
            let slabs = shard.slabs.iter().filter(|slab| slab.is_open_to(epoch) && slab.overlaps(start, end));
            let cursors = slabs.map(|slab| PageCursor::new(slab.pages.clone())).collect();
            self.slabs.insert(number, Sealed { made_of, cursors });
        }
        let Some(group) = shard.group(slot) else { return Ok(None) };
        let Some(column) = group.tails.iter().position(|&tail| tail == found.tail) else { return Ok(None) };
        let damaged = |Damaged(what)| Error::Damaged { path: "head".into(), what };
        let run = if kind == Kind::Distribution {
            let (times, histograms) = group.read_histograms(column, start, end).map_err(damaged)?.into_iter().unzip();
            Run { times, values: Column::Histograms(histograms) }
        } else {
            let samples = group.read(column, start, end).map_err(damaged)?;
            Run { times: samples.times, values: Column::Floats(samples.values) }
        };
        Ok(Some(run))
    }
}
