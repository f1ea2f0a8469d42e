//! Series written as text, as Prometheus' own tests do:
//!
//! ```text
//! load 30s
//! x{a="b"} 1+2x3 _ stale 4x2 NaN     # 1 3 5 7, a gap, a staleness marker, 4 4 4, NaN
//! y {{1 2 3}}x1                      # distributions: what was observed in each window
//! ```
//! The first sample is at time zero; without `load` samples are 10 s apart.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use weir_query::{Allow, Answered, Column, Each, Matcher, QueryError, Selection, SeriesData, Source, Tier};
use weir_sample::{Histogram, Kind, Series, Timestamp};

use crate::millis;

/// Series in memory.
pub(crate) struct Stored(Vec<SeriesData>);

enum Value {
    Float(f64),
    Histogram(Histogram),
}

impl Stored {
    pub(crate) fn load(text: &str) -> Self {
        let mut interval = 10_000;
        let mut series = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.strip_prefix("load ") {
                Some(every) => interval = millis(every),
                None => series.push(parse_series(line, interval)),
            }
        }
        series.sort_by(|a, b| a.series.cmp(&b.series));
        Self(series)
    }

    fn matching(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> impl Iterator<Item = SeriesData> {
        let matching = self.0.iter().filter(move |data| matchers.iter().all(|matcher| matcher.matches(&data.series)));
        matching.filter_map(move |data| cut(data, start.millis(), end.millis()))
    }
}

fn cut(data: &SeriesData, start: i64, end: i64) -> Option<SeriesData> {
    let low = data.timestamps.partition_point(|&time| time < start);
    let high = data.timestamps.partition_point(|&time| time <= end);
    let values = match &data.values {
        Column::Floats(values) => Column::Floats(values.get(low..high)?.to_vec()),
        Column::Histograms(values) => Column::Histograms(values.get(low..high)?.to_vec()),
    };
    let timestamps = data.timestamps[low..high].to_vec();
    (low < high).then(|| SeriesData {
        series: data.series.clone(),
        kind: data.kind,
        tier: data.tier,
        timestamps,
        values,
        starts: Vec::new(),
        more: false,
    })
}

impl Source for Stored {
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
        let names = |data: SeriesData| data.series.labels().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        let names: BTreeSet<_> = self.matching(matchers, start, end).flat_map(names).collect();
        Ok(names.into_iter().collect())
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

fn parse_series(line: &str, interval: i64) -> SeriesData {
    let named = line.find("} ").filter(|_| line.find('{') < line.find(' ')).map(|at| at + 1);
    let (series, values) = line.split_at(named.or_else(|| line.find(' ')).expect("values after the series"));
    let mut timestamps = Vec::new();
    let (mut floats, mut histograms) = (Vec::new(), Vec::new());
    for (at, value) in parse_values(values).into_iter().enumerate() {
        match value {
            None => continue,
            Some(Value::Float(value)) => floats.push(value),
            Some(Value::Histogram(histogram)) => histograms.push(histogram),
        }
        timestamps.push(at as i64 * interval);
    }
    let (kind, values) = match histograms.is_empty() {
        true => (Kind::Gauge, Column::Floats(floats)),
        false => (Kind::Distribution, Column::Histograms(histograms)),
    };
    SeriesData {
        series: parse_labels(series),
        kind,
        tier: Tier::Raw,
        timestamps,
        values,
        starts: Vec::new(),
        more: false,
    }
}

fn parse_labels(text: &str) -> Series {
    let (name, labels) = text.split_once('{').unwrap_or((text, "}"));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
    Series::new(name, labels.map(|(label, value)| (label.trim(), value.trim().trim_matches('"'))))
}

fn parse_values(text: &str) -> Vec<Option<Value>> {
    let mut values = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("{{") {
            let (observed, after) = inner.split_once("}}").expect("}}");
            let (times, after) = after.split_once(' ').unwrap_or((after, ""));
            for _ in 0..=repeats(times) {
                values.push(Some(Value::Histogram(histogram(observed))));
            }
            rest = after.trim();
        } else {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            parse_floats(word, &mut values);
            rest = after.trim();
        }
    }
    values
}

fn histogram(observed: &str) -> Histogram {
    let mut histogram = Histogram::new();
    observed.split_whitespace().for_each(|value| histogram.insert(value.parse().expect("a number")));
    histogram
}

fn repeats(text: &str) -> usize {
    text.strip_prefix('x').map_or(0, |times| times.parse().expect("repeats"))
}

/// `1`, `1x3`, `1+2x3`, `1-2x3`, `_`, `_x3`, `stale`, `NaN`, `Inf`.
fn parse_floats(word: &str, values: &mut Vec<Option<Value>>) {
    let (word, times) = match word.split_once('x') {
        Some((word, times)) => (word, times.parse().expect("repeats")),
        None => (word, 0),
    };
    if word == "_" {
        values.extend((0..times.max(1)).map(|_| None));
        return;
    }
    let sign = word.char_indices().skip(1).find(|(at, c)| "+-".contains(*c) && !word[..*at].ends_with('e'));
    let (start, step) = word.split_at(sign.map_or(word.len(), |(at, _)| at));
    let start = if start == "stale" { f64::from_bits(0x7ff0_0000_0000_0002) } else { start.parse().expect("a number") };
    let step: f64 = if step.is_empty() { 0.0 } else { step.parse().expect("a number") };
    for i in 0..=times {
        values.push(Some(Value::Float(if i == 0 { start } else { start + step * i as f64 })));
    }
}
