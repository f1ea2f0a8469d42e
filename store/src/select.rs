//! Reading: series one after another, each with its samples of a range.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use roaring::RoaringBitmap;
use weir_sample::{Kind, Series, Sketch, Timestamp};

use crate::head::{Head, Result, decode_run};
use crate::series::{Body, Sealed};
use crate::{Matcher, Store, chunk};

/// What a reader asks for.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Conditions that all must hold.
    pub matchers: &'a [Matcher],
    /// First instant, inclusive.
    pub start: Timestamp,
    /// Last instant, inclusive.
    pub end: Timestamp,
    /// Distance of the points that will be drawn; `None` for one point.
    pub step: Option<Duration>,
    /// What will be done with the samples.
    pub hint: Hint,
}

/// What a reader will do with the samples, for the choice of a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Look at every sample.
    #[default]
    Raw,
    /// Take increases or rates.
    Increase,
    /// Take averages, sums or counts.
    Average,
    /// Take the smallest or largest.
    Extremes,
}

/// One series' samples.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesData {
    /// Which series.
    pub series: Series,
    /// Its kind.
    pub kind: Kind,
    /// Milliseconds, rising.
    pub timestamps: Vec<i64>,
    /// One value per timestamp.
    pub values: Column,
}

/// Values of one series.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Counters (cumulative) and gauges.
    Floats(Vec<f64>),
    /// Distributions, one sketch per window.
    Sketches(Vec<Sketch>),
}

/// Which tier an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Samples as they arrived.
    Raw,
}

impl Tier {
    /// The name that API answers carry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
        }
    }
}

/// What an answer is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The tier read.
    pub tier: Tier,
}

impl Store {
    /// Gives every series with samples in the range to `each`, until it breaks off. Writers wait for one series at most.
    ///
    /// # Errors
    /// None so far: what cannot be read is counted as damaged and left out.
    pub fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(SeriesData) -> ControlFlow<()>,
    ) -> Result<Answered> {
        let ids = self.read().index.select(selection.matchers);
        for id in ids {
            if let Some(data) = self.series_data(id, selection.start.millis(), selection.end.millis())
                && each(data).is_break()
            {
                break;
            }
        }
        Ok(Answered { tier: Tier::Raw })
    }

    /// Series with samples in the range.
    ///
    /// # Errors
    /// See [`Store::select`].
    pub fn series(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Result<Vec<(Series, Kind)>> {
        let head = self.read();
        let ids = live(&head, &head.index.select(matchers), start, end);
        Ok(ids.iter().map(|id| &head.slots[id as usize]).map(|slot| (slot.series.clone(), slot.kind)).collect())
    }

    /// Names of labels in use.
    ///
    /// # Errors
    /// See [`Store::select`].
    pub fn label_names(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Result<Vec<String>> {
        let head = self.read();
        let ids = live(&head, &head.index.select(matchers), start, end);
        Ok(head.index.label_names(Some(&ids)))
    }

    /// Values of a label in use.
    ///
    /// # Errors
    /// See [`Store::select`].
    pub fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<String>> {
        let head = self.read();
        let ids = live(&head, &head.index.select(matchers), start, end);
        Ok(head.index.label_values(label, Some(&ids)))
    }

    fn series_data(&self, id: u32, start: i64, end: i64) -> Option<SeriesData> {
        let head = self.read();
        let slot = &head.slots[id as usize];
        let inside = |first: i64, last: i64| first <= end && last >= start;
        let mut runs: Vec<Arc<Sealed>> = Vec::new();
        for place in head.places[id as usize].iter().filter(|place| inside(place.first_ts, place.last_ts)) {
            let payload = head.blocks.get(&place.block).and_then(|block| block.read(place.start, place.size));
            match payload.as_deref().and_then(decode_run) {
                Some(run) => runs.push(Arc::new(run)),
                None => drop(self.counters.damaged.fetch_add(1, Relaxed)),
            }
        }
        runs.extend(slot.sealed.iter().filter(|run| inside(run.first_ts, run.last_ts)).cloned());
        let (series, kind) = (slot.series.clone(), slot.kind);
        if slot.kind == Kind::Distribution {
            let open = slot.sketches.clone();
            drop(head);
            let (timestamps, sketches) = sketches_of(&runs, open, start, end);
            return (!timestamps.is_empty()).then_some(SeriesData {
                series,
                kind,
                timestamps,
                values: Column::Sketches(sketches),
            });
        }
        let (open, late, newest) = (slot.open.clone(), slot.late.clone(), slot.newest);
        drop(head);
        let mut samples = Vec::new();
        for run in &runs {
            if let Body::Floats(count, bytes) = &run.body {
                chunk::read(bytes, *count, |ts, value| samples.push((ts, value)));
            }
        }
        chunk::read(open.bytes(), open.count(), |ts, value| samples.push((ts, value)));
        samples.extend(newest);
        samples.extend(late);
        samples.retain(|(ts, _)| (start..=end).contains(ts));
        // Of two samples of one time, the later written one stands: a stable sort keeps it last.
        samples.sort_by_key(|(ts, _)| *ts);
        samples.reverse();
        samples.dedup_by_key(|(ts, _)| *ts);
        samples.reverse();
        let (timestamps, floats): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
        (!timestamps.is_empty()).then_some(SeriesData { series, kind, timestamps, values: Column::Floats(floats) })
    }
}

fn sketches_of(runs: &[Arc<Sealed>], open: Vec<(i64, Sketch)>, start: i64, end: i64) -> (Vec<i64>, Vec<Sketch>) {
    let mut all: std::collections::BTreeMap<i64, Sketch> = std::collections::BTreeMap::new();
    let sealed = runs.iter().filter_map(|run| match &run.body {
        Body::Sketches(sketches) => Some(sketches),
        Body::Floats(..) => None,
    });
    for (ts, sketch) in sealed.flatten().chain(&open).filter(|(ts, _)| (start..=end).contains(ts)) {
        all.entry(*ts).or_default().merge(sketch);
    }
    all.into_iter().unzip()
}

/// Those of the series that have a sample in the range, by what is known without reading chunks.
fn live(head: &Head, ids: &RoaringBitmap, start: Timestamp, end: Timestamp) -> RoaringBitmap {
    let inside = |first: i64, last: i64| first <= end.millis() && last >= start.millis();
    let has = |id: &u32| {
        let slot = &head.slots[*id as usize];
        let memory: BTreeSet<i64> =
            slot.newest.iter().map(|(ts, _)| *ts).chain(slot.sketches.iter().map(|s| s.0)).collect();
        let open = (slot.open.count() > 0).then(|| (slot.open.first_ts(), slot.newest.map_or(0, |(ts, _)| ts)));
        memory.range(start.millis()..=end.millis()).next().is_some()
            || open.is_some_and(|(first, last)| inside(first, last))
            || slot.sealed.iter().any(|run| inside(run.first_ts, run.last_ts))
            || head.places[*id as usize].iter().any(|place| inside(place.first_ts, place.last_ts))
    };
    ids.iter().filter(has).collect()
}
