//! What is federated, as text or in protobuf.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::iter;

use weir_formats::Accepted;
use weir_formats::delimited::{self, Number, classic};
use weir_formats::text::{Escaping, metric_name, spelled};
use weir_query::{LabelSet, write_plain};
use weir_sample::{Histogram, ResetHint, Timestamp};

/// What is answered, by name.
pub(super) struct Exposition {
    pub(super) accepted: Accepted,
    pub(super) at: Timestamp,
    pub(super) series: BTreeMap<Key, Exposed>,
}

/// A series and its samples, in the order of time.
pub(super) struct Exposed {
    pub(super) labels: Vec<(String, String)>,
    pub(super) samples: Vec<(i64, Value)>,
}

pub(super) enum Value {
    Float(f64),
    Histogram(Box<Histogram>),
    /// A histogram of windows, which text has no place for: its count and sum are series of their own.
    Windows,
}

/// A series by its name, and then as it is written.
pub(super) type Key = (String, String);

/// A series' key, and its labels without the name.
pub(super) fn key(labels: &LabelSet, escaping: Escaping) -> (Key, Vec<(String, String)>) {
    let name = escaping.name(labels.name()).into_owned();
    let others = labels.labels().map(|(label, value)| (escaping.name(label).into_owned(), value.to_owned()));
    let mut others: Vec<_> = others.collect();
    // As Prometheus, which sets an empty `instance` so that a scrape adds none of its own.
    if labels.value("instance").is_empty() {
        others.push(("instance".to_owned(), String::new()));
    }
    let text = spelled(&name, others.iter().map(|(label, value)| (label.as_str(), value.as_str())));
    ((name, text), others)
}

impl Exposition {
    pub(super) fn write(&self) -> Vec<u8> {
        if self.accepted.is_protobuf { self.protobuf() } else { self.text().into_bytes() }
    }

    fn protobuf(&self) -> Vec<u8> {
        let (mut out, mut all) = (Vec::new(), self.series.iter().peekable());
        while let Some((name, _)) = all.peek().map(|(key, _)| *key) {
            let of_name = iter::from_fn(|| all.next_if(|((next, _), _)| next == name));
            let samples = of_name.flat_map(|(_, series)| {
                let of_series = series.samples.iter().filter_map(|(time, value)| Some((*time, number(value)?)));
                of_series.map(|(time, value)| delimited::Exposed { labels: &series.labels, time, value })
            });
            delimited::write(&mut out, name, samples);
        }
        out
    }

    fn text(&self) -> String {
        let (mut out, mut told) = (String::new(), None);
        for ((name, series), Exposed { labels, samples }) in &self.series {
            for (time, value) in samples {
                let kind = kind(value);
                if told != Some((name, kind)) {
                    // Writing to a string cannot fail.
                    let _ = match kind {
                        Some(kind) => writeln!(out, "# TYPE {} {kind}", metric_name(name)),
                        None => writeln!(
                            out,
                            "# {} is a native histogram of windows: ask for protobuf, or for its _count and _sum",
                            metric_name(name)
                        ),
                    };
                    told = Some((name, kind));
                }
                match value {
                    Value::Float(value) => line(&mut out, series, *value, *time),
                    Value::Histogram(histogram) => {
                        let parts = histogram.parts();
                        for (bound, below) in classic(&parts) {
                            let le = delimited::spelled(bound);
                            line(&mut out, &suffixed(name, "_bucket", labels, Some(&le)), below, *time);
                        }
                        line(&mut out, &suffixed(name, "_sum", labels, None), parts.sum, *time);
                        line(&mut out, &suffixed(name, "_count", labels, None), parts.count, *time);
                    }
                    Value::Windows => {}
                }
            }
        }
        out
    }
}

fn number(value: &Value) -> Option<Number<'_>> {
    match value {
        Value::Float(value) => Some(Number::Float(*value)),
        Value::Histogram(histogram) => Some(Number::Histogram(histogram)),
        Value::Windows => None,
    }
}

fn kind(value: &Value) -> Option<&'static str> {
    match value {
        Value::Float(_) => Some("untyped"),
        // The text format has no other word for it; OpenMetrics' is read as an unknown one.
        Value::Histogram(histogram) if histogram.hint() == ResetHint::Gauge => Some("untyped"),
        Value::Histogram(_) => Some("histogram"),
        Value::Windows => None,
    }
}

/// A series of a histogram, such as `name_bucket{le="1.0"}`.
fn suffixed(name: &str, suffix: &str, labels: &[(String, String)], le: Option<&str>) -> String {
    let own = labels.iter().map(|(label, value)| (label.as_str(), value.as_str()));
    spelled(
        &format!("{name}{suffix}"),
        own.filter(|(label, _)| le.is_none() || *label != "le").chain(le.map(|le| ("le", le))),
    )
}

fn line(out: &mut String, series: &str, value: f64, time: i64) {
    let mut number = String::new();
    write_plain(&mut number, value);
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{series} {number} {time}");
}

#[cfg(test)]
mod tests {
    use weir_query::Point;
    use weir_sample::{CUSTOM_BOUNDS, Parts};

    use super::super::Windows;
    use super::*;

    /// The text of these series, the first of equal ones.
    fn text(series: Vec<(LabelSet, Point)>, escaping: Escaping) -> String {
        let accepted = Accepted { is_protobuf: false, escaping };
        let mut found = Exposition { accepted, at: Timestamp(0), series: BTreeMap::new() };
        for (labels, value) in series {
            found.learn(&labels, 1_000, value, &mut Windows::default());
        }
        String::from_utf8(found.write()).unwrap()
    }

    #[test]
    fn series_of_a_name_stand_together_below_its_type() {
        let series = |name: &str, labels: Vec<(&str, &str)>, value| (LabelSet::new(name, labels), Point::Float(value));
        let all = vec![
            series("b", vec![("x", "1\"\n")], 1.5),
            series("a", vec![("instance", "i")], 2.0),
            series("b", vec![], 3.0),
            series("b", vec![], 4.0),
        ];
        let expected = "# TYPE a untyped\na{instance=\"i\"} 2 1000\n# TYPE b untyped\nb{instance=\"\"} 3 1000\n\
                        b{x=\"1\\\"\\n\",instance=\"\"} 1.5 1000\n";
        assert_eq!(text(all, Escaping::default()), expected);
        let utf8 = |escaping| text(vec![series("a.b", vec![("c d", "1")], 2.0)], escaping);
        let as_it_is = "# TYPE \"a.b\" untyped\n{\"a.b\",\"c d\"=\"1\",instance=\"\"} 2 1000\n";
        assert_eq!(utf8(Escaping::AllowUtf8), as_it_is);
        assert_eq!(utf8(Escaping::Underscores), "# TYPE a_b untyped\na_b{c_d=\"1\",instance=\"\"} 2 1000\n");
    }

    #[test]
    fn histograms_are_classic_in_text_and_those_of_windows_are_named() {
        let one = |name: &str, histogram: Histogram| {
            (LabelSet::new(name, [("instance", "i"), ("le", "x")]), Point::Histogram(Box::new(histogram)))
        };
        let parts = Parts {
            scale: CUSTOM_BOUNDS,
            hint: ResetHint::Unknown,
            zero_threshold: 0.0,
            zero: 0.0,
            count: 3.0,
            sum: 4.5,
            positive: vec![(0, 1.0), (1, 2.0)],
            negative: Vec::new(),
            bounds: vec![1.0],
        };
        let classic = "# TYPE a histogram\na_bucket{instance=\"i\",le=\"1.0\"} 1 1000\na_bucket{instance=\"i\",le=\"+Inf\"} 3 1000\n\
                       a_sum{instance=\"i\",le=\"x\"} 4.5 1000\na_count{instance=\"i\",le=\"x\"} 3 1000\n";
        assert_eq!(text(vec![one("a", parts.histogram().unwrap())], Escaping::default()), classic);
        let mut window = Histogram::new();
        window.insert(1.0);
        let all =
            vec![one("a", window.clone().with_hint(ResetHint::Delta)), one("b", window.with_hint(ResetHint::Gauge))];
        let told = text(all, Escaping::default());
        let lines: Vec<_> = told.lines().collect();
        assert!(lines[0].starts_with("# a is a native histogram of windows: "), "{told}");
        assert_eq!(lines[1], "# TYPE b untyped");
        assert_eq!(lines[2], "b_bucket{instance=\"i\",le=\"+Inf\"} 1 1000");
        assert_eq!(lines.len(), 5);
    }
}
