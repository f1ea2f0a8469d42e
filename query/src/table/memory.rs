//! Series in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use weir_sample::{Histogram, Kind, ResetHint, Series, Timestamp};
use weir_store::{Answered, Column, Matcher, Selection, SeriesData, Tier};

use crate::answer::Point;
use crate::error::QueryError;
use crate::read::samples::Points;
use crate::read::source::{Allow, Each, Source};
use crate::row::is_absent;

/// Samples by series, each in order of time.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    series: BTreeMap<Series, Samples>,
}

#[derive(Clone, Debug, Default)]
struct Samples {
    points: BTreeMap<i64, Point>,
    /// Since when they count, where that is known.
    starts: BTreeMap<i64, i64>,
}

impl Memory {
    /// Adds a sample; a second one of a series and time stands in place of the first.
    pub fn add(&mut self, series: &Series, at: Timestamp, point: impl Into<Point>) {
        let point = point.into();
        match self.series.get_mut(series) {
            Some(samples) => samples.points.insert(at.millis(), point),
            None => self.series.entry(series.clone()).or_default().points.insert(at.millis(), point),
        };
    }

    /// Says since when a sample counts.
    pub fn start(&mut self, series: &Series, at: Timestamp, start: Timestamp) {
        self.series.entry(series.clone()).or_default().starts.insert(at.millis(), start.millis());
    }

    fn matching(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> impl Iterator<Item = SeriesData> {
        let matching = self.series.iter().filter(move |(series, _)| matchers.iter().all(|m| m.matches(series)));
        matching.flat_map(move |(series, samples)| samples.between(series, start.millis(), end.millis()))
    }
}

impl Samples {
    /// The floats and the histograms of a time, each in a piece.
    fn between(&self, series: &Series, start: i64, end: i64) -> impl Iterator<Item = SeriesData> + use<> {
        let (mut floats, mut histograms) = (Points::default(), Points::default());
        let mut before: Option<&Histogram> = None;
        for (&time, point) in self.points.iter().take_while(|(time, _)| **time <= end) {
            let began = self.starts.get(&time).copied().unwrap_or(0);
            match point {
                Point::Float(value) => {
                    before = None;
                    if time >= start {
                        floats.push(time, *value, began);
                    }
                }
                Point::Histogram(histogram) => {
                    if time >= start {
                        histograms.push(time, hinted(histogram, before), began);
                    }
                    before = Some(histogram);
                }
            }
        }
        let data = |kind, timestamps: Vec<i64>, values, starts| SeriesData {
            series: series.clone(),
            kind,
            tier: Tier::Raw,
            timestamps,
            values,
            starts,
            more: false,
        };
        let floats = data(Kind::Gauge, floats.times, Column::Floats(floats.values), floats.starts);
        let histograms =
            data(Kind::Distribution, histograms.times, Column::Histograms(histograms.values), histograms.starts);
        let more = !histograms.timestamps.is_empty();
        [SeriesData { more, ..floats }, histograms].into_iter().filter(|data| !data.timestamps.is_empty()).map(
            |mut data| {
                if data.starts.iter().all(|start| *start == 0) {
                    data.starts = Vec::new();
                }
                data
            },
        )
    }
}

/// As Prometheus' storage gives it: what is not said of how it stands to the one before is found out.
fn hinted(histogram: &Histogram, before: Option<&Histogram>) -> Histogram {
    let is_told = !matches!(histogram.hint(), ResetHint::Unknown | ResetHint::NotReset);
    let hint = match before {
        _ if is_told => histogram.hint(),
        Some(before) if before.hint() != ResetHint::Gauge && !is_absent(before.sum()) => {
            let unhinted = histogram.clone().with_hint(ResetHint::Unknown);
            if unhinted.is_reset_after(before) { ResetHint::Unknown } else { ResetHint::NotReset }
        }
        _ => ResetHint::Unknown,
    };
    histogram.clone().with_hint(hint)
}

impl Source for Memory {
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        for data in self.matching(selection.matchers, selection.start, selection.end) {
            if let ControlFlow::Break(()) = each(data) {
                break;
            }
        }
        Ok(Answered { tier: Tier::Raw, partial: false, holes: Vec::new() })
    }

    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        let allowed = |data: &SeriesData| allow(data.series.key().len()).is_continue();
        Ok(self.matching(matchers, start, end).take_while(allowed).map(|data| (data.series, data.kind)).collect())
    }

    fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        _: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        let names = self.matching(matchers, start, end).flat_map(|data| {
            let names: Vec<String> = data.series.labels().map(|(name, _)| name.to_owned()).collect();
            names
        });
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        _: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        let value = |data: SeriesData| data.series.label(label).map(str::to_owned);
        let values: BTreeSet<_> = self.matching(matchers, start, end).filter_map(value).collect();
        Ok(values.into_iter().collect())
    }
}
