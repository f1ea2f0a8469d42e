//! Reading: series one after another in order of identity, each with its samples of a range.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use weir_sample::{Kind, Series, Sketch, Timestamp};

use crate::bytes::Input;
use crate::codec::{frame, sketch};
use crate::disk::page::{Entry, Page};
use crate::disk::pages::PageCursor;
use crate::disk::slab::Slab;
use crate::error::Damaged;
use crate::head::late::overlay;
use crate::head::shard::place_of;
use crate::index::matching::Match;
use crate::index::pairs::Half;
use crate::store::{Inner, Store};
use crate::{Answered, Column, Error, Matcher, Selection, SeriesData, Tier};

/// Sealed slabs and the open samples that follow them.
type Opened = (Vec<Arc<Slab>>, Run);

/// Samples of one series, of one kind.
#[derive(Debug)]
pub(crate) struct Run {
    pub times: Vec<i64>,
    pub values: Column,
}

/// What a query keeps open while it goes from series to series.
struct Reader<'a> {
    inner: &'a Inner,
    start: i64,
    end: i64,
    slabs: HashMap<u64, PageCursor>,
}

impl Store {
    /// Gives every series with samples in the range to `each`, until it breaks off. Writers wait for one series at most.
    ///
    /// # Errors
    /// What the file system says. What cannot be read because it is damaged is counted and left out.
    pub fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(SeriesData) -> ControlFlow<()>,
    ) -> Result<Answered, Error> {
        let answered = Answered { tier: Tier::Raw };
        let matches = self.inner.index().matching(selection.matchers);
        let (start, end) = (selection.start.millis(), selection.end.millis());
        let mut reader = Reader { inner: &self.inner, start, end, slabs: HashMap::new() };
        for same in matches.chunk_by(|a, b| a.id == b.id) {
            let Some(data) = reader.series(same)? else { continue };
            if each(data).is_break() {
                break;
            }
        }
        Ok(answered)
    }

    /// Series with samples in the range.
    ///
    /// # Errors
    /// As [`Store::select`].
    pub fn series(
        &self,
        matchers: &[Matcher],
        _start: Timestamp,
        _end: Timestamp,
    ) -> Result<Vec<(Series, Kind)>, Error> {
        let index = self.inner.index();
        let mut matches = index.matching(matchers);
        matches.dedup_by_key(|found| found.id);
        let series = |found: &Match| Some((index.series_of(found)?, index.kind_of(found)?));
        Ok(matches.iter().filter_map(series).collect())
    }

    /// Names of labels in use, sorted.
    ///
    /// # Errors
    /// As [`Store::select`].
    pub fn label_names(&self, matchers: &[Matcher], _start: Timestamp, _end: Timestamp) -> Result<Vec<String>, Error> {
        let index = self.inner.index();
        if matchers.is_empty() {
            let names: BTreeSet<String> = index.pairs.labels().map(|(name, _)| name.to_owned()).collect();
            return Ok(names.into_iter().collect());
        }
        let halves = index.matching_halves(matchers);
        let pairs = halves.iter().flat_map(|&(half, set)| index.half(half, set));
        let names: BTreeSet<&str> = pairs.map(|&pair| index.pairs.pair(pair).label()).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// Values of a label in use, sorted.
    ///
    /// # Errors
    /// As [`Store::select`].
    pub fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        _start: Timestamp,
        _end: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let index = self.inner.index();
        let values: BTreeSet<&str> = if matchers.is_empty() {
            let pairs = index.pairs.label(label).into_iter().flat_map(|label| &label.pairs);
            pairs.map(|&pair| index.pairs.pair(pair).value()).collect()
        } else {
            let halves = index.matching_halves(matchers);
            let pairs =
                halves.iter().flat_map(|&(half, set)| index.half(half, set)).map(|&pair| index.pairs.pair(pair));
            pairs.filter(|pair| pair.label() == label).map(|pair| pair.value()).collect()
        };
        Ok(values.into_iter().map(str::to_owned).collect())
    }
}

impl Reader<'_> {
    /// One series: the same identity may be in more than one group, when an agent got a new id.
    fn series(&mut self, same: &[Match]) -> Result<Option<SeriesData>, Error> {
        let mut merged: Option<(Kind, Run)> = None;
        for found in same {
            let Some(kind) = self.inner.index().kind_of(found) else { continue };
            for run in self.runs(found, kind)? {
                match &mut merged {
                    // The last writer of a name decides what it is.
                    Some((before, all)) if (*before == Kind::Distribution) == (kind == Kind::Distribution) => {
                        *before = kind;
                        all.lay(run);
                    }
                    merged => *merged = Some((kind, run)),
                }
            }
        }
        let Some((kind, run)) = merged.filter(|(_, run)| !run.times.is_empty()) else { return Ok(None) };
        let index = self.inner.index();
        let Some(series) = same.iter().find_map(|found| index.series_of(found)) else { return Ok(None) };
        Ok(Some(SeriesData { series, kind, timestamps: run.times, values: run.values }))
    }

    /// What slabs and the open chunk have of a series, oldest first.
    fn runs(&mut self, found: &Match, kind: Kind) -> Result<Vec<Run>, Error> {
        let (slabs, open) = match self.open(found, kind)? {
            Some(parts) => parts,
            None => return Ok(Vec::new()),
        };
        let mut runs = Vec::with_capacity(slabs.len() + 1);
        for slab in slabs {
            let cursor = self.slabs.entry(slab.sequence).or_insert_with(|| PageCursor::new(slab.pages.clone()));
            cursor.each(found.id, self.start, self.end, |page, entry| {
                if entry.kind == kind {
                    runs.push(decode(page, entry)?.within(self.start, self.end));
                }
                Ok(())
            })?;
        }
        runs.push(open);
        Ok(runs)
    }

    /// The open samples of a series, and the slabs that have the sealed ones: both of the same instant.
    fn open(&self, found: &Match, kind: Kind) -> Result<Option<Opened>, Error> {
        let (number, slot) = place_of(found.group);
        let shard = self.inner.shard(number);
        let Some(group) = shard.group(slot) else { return Ok(None) };
        let Some(column) = group.tails.iter().position(|&tail| tail == found.tail) else { return Ok(None) };
        let damaged = |Damaged(what)| Error::Damaged { path: "head".into(), what };
        let run = if kind == Kind::Distribution {
            let (times, sketches) =
                group.read_sketches(column, self.start, self.end).map_err(damaged)?.into_iter().unzip();
            Run { times, values: Column::Sketches(sketches) }
        } else {
            let samples = group.read(column, self.start, self.end).map_err(damaged)?;
            Run { times: samples.times, values: Column::Floats(samples.values) }
        };
        let slabs = shard.slabs.iter().filter(|slab| slab.overlaps(self.start, self.end)).cloned().collect();
        Ok(Some((slabs, run)))
    }
}

/// Reads one series of a page.
pub(crate) fn decode(page: &Page, entry: &Entry) -> Result<Run, Damaged> {
    let times = page.times(entry)?;
    let mut input = Input(page.content(entry));
    let values = if entry.kind == Kind::Distribution {
        let sketch = |_| sketch::decode(&mut Input(input.block()?));
        Column::Sketches((0..times.len()).map(sketch).collect::<Result<Vec<Sketch>, _>>()?)
    } else {
        let mut values = Vec::with_capacity(times.len());
        frame::decode_all(&mut input, times.len(), &mut values)?;
        Column::Floats(values)
    };
    Ok(Run { times, values })
}

impl Run {
    /// Only the samples from `start` to `end`, both included.
    pub(crate) fn within(mut self, start: i64, end: i64) -> Self {
        let (from, to) =
            (self.times.partition_point(|&time| time < start), self.times.partition_point(|&time| time <= end));
        if from > 0 || to < self.times.len() {
            self.times = self.times[from..to].to_vec();
            self.values = match self.values {
                Column::Floats(values) => Column::Floats(values[from..to].to_vec()),
                Column::Sketches(values) => Column::Sketches(values[from..to].to_vec()),
            };
        }
        self
    }

    /// Lays later arrivals over: floats of the same time replace, sketches of the same time merge.
    pub(crate) fn lay(&mut self, over: Run) {
        match (&mut self.values, over.values) {
            (Column::Floats(values), Column::Floats(new)) => {
                lay(&mut self.times, values, over.times, new, |old, new| *old = new);
            }
            (Column::Sketches(values), Column::Sketches(new)) => {
                lay(&mut self.times, values, over.times, new, |old, new| old.merge(&new));
            }
            (values, new) => (self.times, *values) = (over.times, new),
        }
    }
}

fn lay<V>(times: &mut Vec<i64>, values: &mut Vec<V>, new_times: Vec<i64>, new: Vec<V>, join: impl FnMut(&mut V, V)) {
    let follows = times.last().zip(new_times.first()).is_none_or(|(last, first)| last < first);
    if times.is_empty() {
        (*times, *values) = (new_times, new);
    } else if follows {
        times.extend(new_times);
        values.extend(new);
    } else {
        overlay(times, values, new_times.into_iter().zip(new).collect(), join);
    }
}

impl crate::index::Index {
    fn half(&self, half: Half, set: u32) -> &[u32] {
        match half {
            Half::Tail => self.tails.pairs(set),
            Half::Common => self.commons.pairs(set),
        }
    }
}
