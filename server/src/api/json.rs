//! Prometheus' JSON: answers, errors and lists of labels, as its HTTP API spells them.

use std::fmt::Write;

use weir_query::{Answer, Data, LabelSet, Line, Point, QueryError, Sample, write_plain};
use weir_sample::{Histogram, Series, Timestamp};
use weir_store::NAME;

/// The body of a successful answer of `/api/v1/query` or `query_range`, made piece by piece as the client takes it, so
/// that there is never more of its text than a piece.
pub(crate) struct Pieces {
    answer: Answer,
    /// Until when the data of all live senders were there when the question came.
    watermark: Option<Timestamp>,
    with_stats: bool,
    stage: Stage,
    /// The sample or line that comes next, and the point of that line.
    at: usize,
    point: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Items,
    Tail,
    Done,
}

/// Size of a piece.
const PIECE_BYTES: usize = 64 << 10;

impl Pieces {
    pub(crate) fn of(answer: Answer, watermark: Option<Timestamp>) -> Self {
        Self { answer, watermark, with_stats: false, stage: Stage::Head, at: 0, point: 0 }
    }

    /// The same, which says or does not say what the answer took.
    pub(crate) fn with_stats(self, with_stats: bool) -> Self {
        Self { with_stats, ..self }
    }

    /// Whether the last piece was the end.
    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    fn head(&mut self, out: &mut String) {
        let (result_type, items) = match self.answer.data {
            Data::Scalar(..) => ("scalar", ""),
            Data::String(..) => ("string", ""),
            Data::Vector(_) => ("vector", "["),
            Data::Matrix(_) => ("matrix", "["),
        };
        let _ = write!(out, r#"{{"status":"success","data":{{"resultType":"{result_type}","result":{items}"#);
        match &self.answer.data {
            Data::Scalar(time, value) => float_pair(out, *time, *value),
            Data::String(time, text) => pair(out, *time, |out| string(out, text)),
            _ => {}
        }
        self.stage = Stage::Items;
    }

    fn items(&mut self, out: &mut String) {
        while out.len() < PIECE_BYTES {
            let first = self.at == 0;
            let comma = |out: &mut String| out.push_str(if first { "" } else { "," });
            match &self.answer.data {
                Data::Vector(samples) if self.at < samples.len() => {
                    comma(out);
                    write_sample(out, &samples[self.at]);
                    self.at += 1;
                }
                Data::Matrix(lines) if self.at < lines.len() => {
                    if self.point == 0 {
                        comma(out);
                    }
                    match write_line(out, &lines[self.at], self.point) {
                        Some(next) => self.point = next,
                        None => (self.at, self.point) = (self.at + 1, 0),
                    }
                }
                _ => {
                    self.stage = Stage::Tail;
                    return;
                }
            }
        }
    }

    fn tail(&mut self, out: &mut String) {
        out.push_str(if matches!(self.answer.data, Data::Vector(_) | Data::Matrix(_)) { "]" } else { "" });
        if self.with_stats {
            write_stats(out, &self.answer);
        }
        out.push('}');
        write_notes(out, "warnings", &self.answer.warnings);
        write_notes(out, "infos", &self.answer.infos);
        if let Some(watermark) = self.watermark {
            let _ = write!(out, r#","watermark":{}"#, watermark.as_secs_f64());
        }
        out.push('}');
        self.stage = Stage::Done;
    }
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.is_done() {
            return None;
        }
        let mut out = String::new();
        if self.stage == Stage::Head {
            self.head(&mut out);
        }
        if self.stage == Stage::Items {
            self.items(&mut out);
        }
        if self.stage == Stage::Tail {
            self.tail(&mut out);
        }
        Some(out)
    }
}

/// What an answer took, as Prometheus names it where it has a name for it.
fn write_stats(out: &mut String, answer: &Answer) {
    let Answer { kept_steps, evaluated_steps, cost, tiers, .. } = answer;
    let _ = write!(out, r#","stats":{{"timings":{{"evalTotalTime":{}}},"#, cost.time.as_secs_f64());
    let _ = write!(out, r#""samples":{{"totalQueryableSamples":{}}},"series":{},"#, cost.samples, cost.series);
    let tiers: Vec<_> = tiers.iter().map(|tier| tier.name()).collect();
    out.push_str(r#""tiers":"#);
    list(out, &tiers, |out, tier| string(out, tier));
    let _ = write!(out, r#","steps":{{"kept":{kept_steps},"evaluated":{evaluated_steps}}}}}"#);
}

/// The body of an error answer.
pub(crate) fn error(error: &QueryError) -> String {
    let mut out = format!(r#"{{"status":"error","errorType":"{}","error":"#, error.error_type());
    string(&mut out, &error.message());
    out.push('}');
    out
}

/// The body of an answer that lists names or values.
pub(crate) fn strings(strings: &[String], warnings: &[String]) -> String {
    success(warnings, |out| list(out, strings, |out, text| string(out, text)))
}

/// The body of an answer that lists series.
pub(crate) fn series<'a>(series: impl IntoIterator<Item = &'a Series>, warnings: &[String]) -> String {
    let series: Vec<_> = series.into_iter().map(LabelSet::from).collect();
    success(warnings, |out| list(out, &series, metric))
}

fn success(warnings: &[String], data: impl FnOnce(&mut String)) -> String {
    let mut out = String::from(r#"{"status":"success","data":"#);
    data(&mut out);
    write_notes(&mut out, "warnings", warnings);
    out.push('}');
    out
}

fn write_notes(out: &mut String, kind: &str, notes: &[String]) {
    if !notes.is_empty() {
        let _ = write!(out, r#","{kind}":"#);
        list(out, notes, |out, note| string(out, note));
    }
}

fn write_sample(out: &mut String, sample: &Sample) {
    out.push_str(r#"{"metric":"#);
    metric(out, &sample.labels);
    match &sample.value {
        Point::Float(value) => {
            out.push_str(r#","value":"#);
            float_pair(out, sample.time, *value);
        }
        Point::Histogram(histogram) => {
            out.push_str(r#","histogram":"#);
            pair(out, sample.time, |out| put_histogram(out, histogram));
        }
    }
    out.push('}');
}

/// Writes a line from a point on, until a piece is full: then the point that comes next is returned.
fn write_line(out: &mut String, line: &Line, from: usize) -> Option<usize> {
    if from == 0 {
        out.push_str(r#"{"metric":"#);
        metric(out, &line.labels);
    }
    let (floats, histograms) = (line.floats.len(), line.histograms.len());
    for point in from..floats + histograms {
        out.push_str(match point {
            0 if floats > 0 => r#","values":["#,
            point if point == floats => r#","histograms":["#,
            _ => ",",
        });
        match line.floats.get(point) {
            Some((time, value)) => float_pair(out, *time, *value),
            None => {
                let (time, histogram) = &line.histograms[point - floats];
                pair(out, *time, |out| put_histogram(out, histogram));
            }
        }
        if point + 1 == floats || point + 1 == floats + histograms {
            out.push(']');
        }
        if out.len() >= PIECE_BYTES {
            return Some(point + 1);
        }
    }
    out.push('}');
    None
}

/// A label set as an object, the metric name as `__name__`.
fn metric(out: &mut String, labels: &LabelSet) {
    out.push('{');
    let name = Some((NAME, labels.name())).filter(|(_, name)| !name.is_empty());
    for (i, (label, value)) in name.into_iter().chain(labels.labels()).enumerate() {
        out.push_str(if i == 0 { "" } else { "," });
        string(out, label);
        out.push(':');
        string(out, value);
    }
    out.push('}');
}

/// Count, sum and filled buckets. The number that leads a bucket says which of its borders belong to it: 0 the upper,
/// 1 the lower, 3 both.
fn put_histogram(out: &mut String, histogram: &Histogram) {
    let _ = write!(out, r#"{{"count":"{}","sum":"{}""#, number(histogram.count()), number(histogram.sum()));
    let buckets: Vec<_> = histogram.buckets().collect();
    // Their first bucket is everything up to the first bound, and all have their upper border.
    let own_bounds = histogram.has_own_bounds();
    if !buckets.is_empty() {
        out.push_str(r#","buckets":"#);
        list(out, &buckets, |out, bucket| {
            let borders = match () {
                () if own_bounds && bucket.lower > f64::NEG_INFINITY => 0,
                () if own_bounds => 3,
                () if bucket.lower > 0.0 => 0,
                () if bucket.upper < 0.0 => 1,
                () => 3,
            };
            let (lower, upper, count) = (number(bucket.lower), number(bucket.upper), number(bucket.count));
            let _ = write!(out, r#"[{borders},"{lower}","{upper}","{count}"]"#);
        });
    }
    out.push('}');
}

fn list<T>(out: &mut String, items: &[T], mut item: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (i, it) in items.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { "," });
        item(out, it);
    }
    out.push(']');
}

fn pair(out: &mut String, time: Timestamp, value: impl FnOnce(&mut String)) {
    out.push('[');
    write_time(out, time);
    out.push(',');
    value(out);
    out.push(']');
}

fn float_pair(out: &mut String, time: Timestamp, value: f64) {
    pair(out, time, |out| {
        out.push('"');
        write_number(out, value);
        out.push('"');
    });
}

/// Seconds, with three places if there are milliseconds.
fn write_time(out: &mut String, time: Timestamp) {
    let millis = time.millis();
    let _ = match (millis < 0, millis.unsigned_abs() / 1_000, millis.unsigned_abs() % 1_000) {
        (negative, seconds, 0) => write!(out, "{}{seconds}", if negative { "-" } else { "" }),
        (negative, seconds, rest) => write!(out, "{}{seconds}.{rest:03}", if negative { "-" } else { "" }),
    };
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn number(value: f64) -> String {
    let mut out = String::new();
    write_number(&mut out, value);
    out
}

/// The shortest text that reads back as the same number; an exponent for the very small and the very large.
fn write_number(out: &mut String, value: f64) {
    let magnitude = value.abs();
    if value.is_finite() && magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        return write_exponential(out, value);
    }
    write_plain(out, value);
}

/// Exponents have a sign and at least two digits.
fn write_exponential(out: &mut String, value: f64) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    let _ = write!(out, "{digits}e{sign}{exponent:0>2}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_prometheus_does() {
        let check = |value: f64, expected: &str| assert_eq!(number(value), expected);
        check(1.0, "1");
        check(-0.0, "-0");
        check(0.1, "0.1");
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(-2.5e-7, "-2.5e-07");
        check(1e-300, "1e-300");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
    }

    fn answer(data: Data) -> Answer {
        Answer::of(data)
    }

    #[test]
    fn a_large_answer_comes_in_pieces_that_join() {
        let floats: Vec<_> = (0..10_000).map(|at| (Timestamp(at * 1_000), at as f64)).collect();
        let line =
            |name: &str| Line { labels: LabelSet::new(name, []), floats: floats.clone(), histograms: Vec::new() };
        let mut large = answer(Data::Matrix(vec![line("x"), line("y")]));
        large.infos.push("said".into());
        let pieces: Vec<String> = Pieces::of(large, None).collect();
        assert!(pieces.len() > 4 && pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 1_000));
        let whole: serde_json::Value = serde_json::from_str(&pieces.concat()).unwrap();
        for line in 0..2 {
            assert_eq!(whole["data"]["result"][line]["values"].as_array().unwrap().len(), 10_000);
        }
        assert_eq!(
            (&whole["data"]["result"][1]["values"][9_999][1], &whole["infos"][0]),
            (&"9999".into(), &"said".into())
        );
    }

    #[test]
    fn answers_have_prometheus_shape() {
        let check = |data: Data, expected: &str| {
            let expected = format!(r#"{{"status":"success","data":{expected}}}"#);
            assert_eq!(Pieces::of(answer(data), None).collect::<String>(), expected);
        };
        let time = Timestamp(1_500);
        let labels = LabelSet::new("x", [("a", "\"\n\\")]);
        let mut histogram = Histogram::new();
        [0.0, 1.0, -1.0].iter().for_each(|&v| histogram.insert(v));
        check(Data::Scalar(time, 1.0), r#"{"resultType":"scalar","result":[1.500,"1"]}"#);
        check(Data::String(time, "é\u{1}".into()), r#"{"resultType":"string","result":[1.500,"é\u0001"]}"#);
        check(Data::Vector(Vec::new()), r#"{"resultType":"vector","result":[]}"#);
        check(
            Data::Vector(vec![Sample {
                labels: labels.clone(),
                time: Timestamp(2_000),
                value: Point::Float(f64::NAN),
            }]),
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"x","a":"\"\n\\"},"value":[2,"NaN"]}]}"#,
        );
        check(
            Data::Matrix(vec![Line {
                labels: labels.without_name(),
                floats: vec![(Timestamp(5), 1.0), (time, 2.0)],
                histograms: vec![(time, Box::new(histogram))],
            }]),
            &[
                r#"{"resultType":"matrix","result":[{"metric":{"a":"\"\n\\"},"values":[[0.005,"1"],[1.500,"2"]],"#,
                r#""histograms":[[1.500,{"count":"3","sum":"0","buckets":[[1,"-1","-0.9892280131939755","1"],"#,
                r#"[3,"-2.938735877055719e-39","2.938735877055719e-39","1"],[0,"0.9892280131939755","1","1"]]}]]}]}"#,
            ]
            .concat(),
        );
    }

    #[test]
    fn buckets_with_bounds_of_their_own_have_their_upper_border_and_the_first_both() {
        let parts = weir_sample::Parts {
            scale: weir_sample::CUSTOM_BOUNDS,
            hint: weir_sample::ResetHint::Unknown,
            zero_threshold: 0.0,
            zero: 0.0,
            count: 4.0,
            sum: 3.0,
            positive: vec![(0, 1.0), (1, 2.0), (2, 1.0)],
            negative: Vec::new(),
            bounds: vec![-1.0, 2.0],
        };
        let mut out = String::new();
        put_histogram(&mut out, &parts.histogram().unwrap());
        let buckets = r#"[[3,"-Inf","-1","1"],[0,"-1","2","2"],[0,"2","+Inf","1"]]"#;
        assert_eq!(out, format!(r#"{{"count":"4","sum":"3","buckets":{buckets}}}"#));
    }

    #[test]
    fn errors_and_lists_have_prometheus_shape() {
        let error = error(&QueryError::Timeout);
        assert!(error.starts_with(r#"{"status":"error","errorType":"timeout","error":"query timed out"#), "{error}");
        let strings = strings(&["a".into(), "b".into()], &["cut".into()]);
        assert_eq!(strings, r#"{"status":"success","data":["a","b"],"warnings":["cut"]}"#);
        let series = [Series::new("x", [("a", "1")])];
        assert_eq!(super::series(&series, &[]), r#"{"status":"success","data":[{"__name__":"x","a":"1"}]}"#);
    }
}
