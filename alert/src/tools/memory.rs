//! Series in memory, for tests of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use weir_query::{Allow, Answered, Column, Each, Matcher, QueryError, Selection, SeriesData, Source, Tier};
use weir_sample::{Kind, Series, Timestamp};

/// Samples by series, each in order of time.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    series: BTreeMap<Series, BTreeMap<i64, f64>>,
}

impl Memory {
    /// Adds a sample; a second one of a series and time stands in place of the first.
    pub fn add(&mut self, series: &Series, at: Timestamp, value: f64) {
        match self.series.get_mut(series) {
            Some(samples) => samples.insert(at.millis(), value),
            None => self.series.entry(series.clone()).or_default().insert(at.millis(), value),
        };
    }

    fn matching(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> impl Iterator<Item = SeriesData> {
        let matching = self.series.iter().filter(move |(series, _)| matchers.iter().all(|m| m.matches(series)));
        matching.filter_map(move |(series, samples)| {
            if start > end {
                return None;
            }
            let (timestamps, values): (Vec<_>, _) = samples.range(start.millis()..=end.millis()).unzip();
            let (series, kind, tier, values) = (series.clone(), Kind::Gauge, Tier::Raw, Column::Floats(values));
            (!timestamps.is_empty()).then_some(SeriesData { series, kind, tier, timestamps, values })
        })
    }
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
        _: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        Ok(self.matching(matchers, start, end).map(|data| (data.series, data.kind)).collect())
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
