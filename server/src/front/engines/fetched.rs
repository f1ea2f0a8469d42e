//! Samples as engines give them: lines of an export, or a range vector.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde::de::IgnoredAny;
use weir_formats::remote_write::{ReadResult, TimeSeries, read_histogram};
use weir_query::NAME;
use weir_sample::{Histogram, Series, Timestamp};

/// One series and its samples, in order of time; its native histograms likewise.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fetched {
    pub series: Series,
    pub times: Vec<i64>,
    pub values: Vec<f64>,
    pub histograms: Vec<(i64, Histogram)>,
}

impl Fetched {
    /// Leaves out samples that are later; whether some are left.
    pub(super) fn cut_after(&mut self, end: Timestamp) -> bool {
        let kept = self.times.partition_point(|time| *time <= end.millis());
        self.times.truncate(kept);
        self.values.truncate(kept);
        kept > 0
    }
}

/// A range vector, as far as it can be read.
#[derive(Debug, PartialEq)]
pub(super) struct Range {
    pub series: Vec<Fetched>,
    /// Whether there are native histograms beside them, whose buckets are told in a form that knows no scale.
    pub has_histograms: bool,
}

/// A line of VictoriaMetrics' export.
#[derive(Deserialize)]
struct Line {
    metric: BTreeMap<String, String>,
    values: Vec<Number>,
    timestamps: Vec<i64>,
}

/// A number; infinities are words there, and NaN is null.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(f64),
    Word(String),
    None(()),
}

/// An answer of Prometheus' API.
#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Matrix>,
}

#[derive(Deserialize)]
struct Matrix {
    metric: BTreeMap<String, String>,
    /// Histograms alone have none.
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<IgnoredAny>,
}

impl Number {
    fn value(&self) -> f64 {
        match self {
            Self::Plain(value) => *value,
            Self::Word(word) => number(word).unwrap_or(f64::NAN),
            Self::None(()) => f64::NAN,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Infinity" => Some(f64::INFINITY),
        "-Inf" | "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

/// Reads lines as they come.
pub(super) fn of_export(body: impl Read) -> Result<Vec<Fetched>, String> {
    let mut all = Vec::new();
    for line in BufReader::new(body).lines() {
        let line = line.map_err(|error| format!("the answer broke off: {error}"))?;
        if line.trim().is_empty() {
            continue;
        }
        let Line { metric, values, timestamps } =
            serde_json::from_str(&line).map_err(|error| format!("the answer is no export: {error}"))?;
        if values.len() != timestamps.len() {
            return Err("the answer has more times than values".into());
        }
        all.push(fetched(metric, timestamps.into_iter().zip(values.iter().map(Number::value))));
    }
    Ok(all)
}

/// Reads a range vector.
pub(super) fn of_range(body: impl Read) -> Result<Range, String> {
    let answer: Answer =
        serde_json::from_reader(body).map_err(|error| format!("the answer is not of Prometheus' API: {error}"))?;
    let Some(data) = answer.data.filter(|_| answer.status == "success") else {
        return Err(answer.error);
    };
    let has_histograms = data.result.iter().any(|matrix| !matrix.histograms.is_empty());
    let series = data.result.into_iter().filter(|matrix| !matrix.values.is_empty());
    let all = series.map(|Matrix { metric, values, .. }| {
        let sample = |(time, value): (f64, String)| Some(((time * 1e3).round() as i64, number(&value)?));
        fetched(metric, values.into_iter().filter_map(sample))
    });
    Ok(Range { series: all.collect(), has_histograms })
}

/// The native histograms of what a remote read has found.
pub(super) fn of_read(results: Vec<ReadResult>) -> Result<Vec<Fetched>, String> {
    let series = results.into_iter().flat_map(|result| result.timeseries);
    series.filter(|series| !series.histograms.is_empty()).map(|series| histograms_of(&series)).collect()
}

fn histograms_of(TimeSeries { labels, histograms, .. }: &TimeSeries) -> Result<Fetched, String> {
    let metric = labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect();
    let mut found = fetched(metric, std::iter::empty());
    for bytes in histograms {
        let (time, histogram) =
            read_histogram(bytes).map_err(|error| format!("a histogram cannot be read: {error}"))?;
        found.histograms.extend(histogram.map(|histogram| (time, histogram)));
    }
    found.histograms.sort_by_key(|(time, _)| *time);
    Ok(found)
}

fn fetched(metric: BTreeMap<String, String>, samples: impl Iterator<Item = (i64, f64)>) -> Fetched {
    let name = metric.get(NAME).map(String::as_str).unwrap_or_default();
    let labels = metric.iter().filter(|(label, _)| *label != NAME);
    let series = Series::new(name, labels.map(|(label, value)| (label.as_str(), value.as_str())));
    let mut samples: Vec<(i64, f64)> = samples.collect();
    samples.sort_by_key(|(time, _)| *time);
    // Of one time the last stands, as in the embedded store.
    samples.reverse();
    samples.dedup_by_key(|(time, _)| *time);
    samples.reverse();
    let (times, values) = samples.into_iter().unzip();
    Fetched { series, times, values, histograms: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_an_export_are_samples_in_order() {
        let text = "{\"metric\":{\"__name__\":\"up\",\"a\":\"b\"},\"values\":[2,1,\"Infinity\",null],\"timestamps\":[20,10,30,40]}\n\n\
                    {\"metric\":{\"__name__\":\"c\"},\"values\":[1,5],\"timestamps\":[10,10]}\n";
        let found = of_export(text.as_bytes()).unwrap();
        assert_eq!((found[0].series.to_string(), &found[0].times[..]), ("up{a=\"b\"}".into(), &[10, 20, 30, 40][..]));
        assert!(found[0].values[2].is_infinite() && found[0].values[3].is_nan());
        assert_eq!((&found[1].times[..], &found[1].values[..]), (&[10][..], &[5.0][..]));
        assert!(of_export("{\"metric\":{}".as_bytes()).unwrap_err().contains("no export"));
        assert!(of_export("{\"metric\":{},\"values\":[1],\"timestamps\":[]}".as_bytes()).is_err());
    }

    #[test]
    fn a_range_vector_is_read_and_an_error_is_passed_on() {
        let text = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"up"},"values":[[1.5,"1"],[2.5,"+Inf"]]},{"metric":{},"histograms":[]}]}}"#;
        let Range { series: found, has_histograms } = of_range(text.as_bytes()).unwrap();
        assert_eq!((found.len(), &found[0].times[..], has_histograms), (1, &[1_500, 2_500][..], false));
        let native = text.replace("\"histograms\":[]", r#""histograms":[[1.5,{"count":"1"}]]"#);
        assert!(of_range(native.as_bytes()).unwrap().has_histograms);
        assert_eq!(of_range(r#"{"status":"error","error":"too much"}"#.as_bytes()).unwrap_err(), "too much");
        assert!(of_range("<html>".as_bytes()).unwrap_err().contains("not of Prometheus' API"));
    }
}
