//! Rows on their way to the store, laid over it: what was recorded is seen by the next rule, not only after the queue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};

use weir_query::{Allow, Answered, Column, Each, Matcher, QueryError, Selection, SeriesData, Source, Tier};
use weir_sample::{Kind, Series, Timestamp};

use crate::evaluate::row::Row;
use crate::rules::Rule;

/// Which metric names rules read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// These.
    pub some: BTreeSet<String>,
    /// Any: a selector has no name, or a pattern.
    pub any: bool,
}

impl Names {
    /// The names that rules read.
    pub fn read_by<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        let mut names = Self::default();
        for reads in rules.into_iter().flat_map(|rule| rule.expression.reads().unwrap_or_default()) {
            match reads.name {
                Some(name) => {
                    names.some.insert(name);
                }
                None => names.any = true,
            }
        }
        names
    }

    /// Whether none is read.
    pub fn is_empty(&self) -> bool {
        !self.any && self.some.is_empty()
    }

    /// Whether a metric of this name may be read.
    pub fn has(&self, name: &str) -> bool {
        self.any || self.some.contains(name)
    }
}

/// Rows that may not be in the store yet. Only those that a rule reads are kept.
#[derive(Debug, Default)]
pub struct Overlay {
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    names: Names,
    /// Series by name, samples in order of time.
    rows: BTreeMap<String, BTreeMap<Series, VecDeque<(i64, f64)>>>,
}

impl Overlay {
    /// Says which names rules read from here on.
    pub fn read_names(&self, names: Names) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.rows.retain(|name, _| names.has(name));
        kept.names = names;
    }

    /// Adds rows; one of the same series and time is replaced.
    pub fn add(&self, rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        for row in rows.iter().filter(|row| kept.names.has(row.series.name())).collect::<Vec<_>>() {
            let by_series = kept.rows.entry(row.series.name().to_owned()).or_default();
            let samples = by_series.entry(row.series.clone()).or_default();
            let at = samples.partition_point(|(at, _)| *at < row.at.millis());
            match samples.get_mut(at) {
                Some(sample) if sample.0 == row.at.millis() => sample.1 = row.value,
                _ => samples.insert(at, (row.at.millis(), row.value)),
            }
        }
    }

    /// Forgets what the store has: everything up to this instant.
    pub fn applied(&self, to: Timestamp) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.rows.retain(|_, by_series| {
            by_series.retain(|_, samples| {
                while samples.front().is_some_and(|(at, _)| *at <= to.millis()) {
                    samples.pop_front();
                }
                !samples.is_empty()
            });
            !by_series.is_empty()
        });
    }

    /// Samples kept.
    pub fn len(&self) -> usize {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.rows.values().flat_map(BTreeMap::values).map(VecDeque::len).sum()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn matching(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> BTreeMap<Series, Vec<(i64, f64)>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let wanted = |name: &str| matchers.iter().filter(|m| m.label() == "__name__").all(|m| m.accepts(name));
        let series = kept.rows.iter().filter(|(name, _)| wanted(name)).flat_map(|(_, series)| series);
        let matching = series.filter(|(series, _)| matchers.iter().all(|matcher| matcher.matches(series)));
        let within = |(at, _): &&(i64, f64)| (start.millis()..=end.millis()).contains(at);
        let cut = matching.map(|(series, samples)| (series.clone(), samples.iter().filter(within).copied().collect()));
        cut.filter(|(_, samples): &(Series, Vec<(i64, f64)>)| !samples.is_empty()).collect()
    }
}

/// A store with rows laid over it; counts what it hands over.
pub(crate) struct Overlaid<'a> {
    base: &'a dyn Source,
    overlay: &'a Overlay,
    series: AtomicU64,
    samples: AtomicU64,
    incomplete: AtomicBool,
}

impl<'a> Overlaid<'a> {
    pub(crate) fn new(base: &'a dyn Source, overlay: &'a Overlay) -> Self {
        let (series, samples, incomplete) = Default::default();
        Self { base, overlay, series, samples, incomplete }
    }

    /// Series and samples handed over.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.series.load(Relaxed), self.samples.load(Relaxed))
    }

    /// Whether the store said that something is missing: it is elsewhere, or damaged.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.incomplete.load(Relaxed)
    }

    fn hand_over(&self, data: SeriesData, each: &mut dyn FnMut(SeriesData) -> ControlFlow<()>) -> ControlFlow<()> {
        self.series.fetch_add(1, Relaxed);
        self.samples.fetch_add(data.timestamps.len() as u64, Relaxed);
        each(data)
    }
}

impl Source for Overlaid<'_> {
    fn warning(&self, end: Timestamp) -> Option<String> {
        self.base.warning(end)
    }

    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        let mut over = self.overlay.matching(selection.matchers, selection.start, selection.end);
        let mut flow = ControlFlow::Continue(());
        let answered = self.base.select(selection, &mut |data| {
            while !selection.any_order && flow.is_continue() {
                let Some(first) = over.first_entry().filter(|first| *first.key() < data.series) else { break };
                let (series, samples) = first.remove_entry();
                flow = self.hand_over(whole(series, samples), each);
            }
            if flow.is_continue() {
                let data = match over.remove(&data.series) {
                    Some(samples) => merged(data, &samples),
                    None => data,
                };
                flow = self.hand_over(data, each);
            }
            flow
        })?;
        self.incomplete.fetch_or(answered.partial || !answered.holes.is_empty(), Relaxed);
        for (series, samples) in over {
            if flow.is_continue() {
                flow = self.hand_over(whole(series, samples), each);
            }
        }
        Ok(answered)
    }

    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        let mut series: BTreeMap<Series, Kind> = self.base.series(matchers, start, end, allow)?.into_iter().collect();
        for over in self.overlay.matching(matchers, start, end).into_keys() {
            series.entry(over).or_insert(Kind::Gauge);
        }
        Ok(series.into_iter().collect())
    }

    fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.base.label_names(matchers, start, end, allow)
    }

    fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.base.label_values(label, matchers, start, end, allow)
    }
}

fn whole(series: Series, samples: Vec<(i64, f64)>) -> SeriesData {
    let (timestamps, values) = samples.into_iter().unzip();
    SeriesData {
        series,
        kind: Kind::Gauge,
        tier: Tier::Raw,
        timestamps,
        values: Column::Floats(values),
        starts: Vec::new(),
        more: false,
    }
}

/// A stored series with the rows over it; a distribution stays as it is, for rows are numbers.
fn merged(data: SeriesData, over: &[(i64, f64)]) -> SeriesData {
    let Column::Floats(values) = &data.values else { return data };
    let stored = data.timestamps.iter().copied().zip(values.iter().copied());
    let all: BTreeMap<i64, f64> = stored.chain(over.iter().copied()).collect();
    let (timestamps, values) = all.into_iter().unzip();
    SeriesData { timestamps, values: Column::Floats(values), starts: Vec::new(), ..data }
}
