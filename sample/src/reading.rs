//! What a program reports of itself, and its Prometheus text form.

use std::fmt::Write;

use crate::{Kind, Series};

/// One figure of a program's own telemetry.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The series, named `weir_…` with its unit.
    pub series: Series,
    /// One sentence that tells an operator what it means and, where it means loss, what to do.
    pub help: &'static str,
    /// Counter or gauge; a counter here is cumulative since the program started.
    pub kind: Kind,
    /// The figure.
    pub value: f64,
}

impl Reading {
    /// A cumulative counter.
    pub fn counter(name: &str, labels: &[(&str, &str)], value: u64, help: &'static str) -> Self {
        let series = Series::new(name, labels.iter().copied());
        Self { series, help, kind: Kind::Counter, value: value as f64 }
    }

    /// A gauge.
    pub fn gauge(name: &str, labels: &[(&str, &str)], value: f64, help: &'static str) -> Self {
        Self { series: Series::new(name, labels.iter().copied()), help, kind: Kind::Gauge, value }
    }
}

/// The Prometheus text format (version 0.0.4): one `HELP` and `TYPE` per metric name, then its series.
pub fn exposition(mut readings: Vec<Reading>) -> String {
    readings.sort_by(|a, b| a.series.cmp(&b.series));
    let mut text = String::new();
    let mut previous = String::new();
    for reading in readings {
        let name = reading.series.name();
        if name != previous {
            let _ = writeln!(text, "# HELP {name} {}", reading.help);
            let _ = writeln!(text, "# TYPE {name} {}", reading.kind.prometheus_type());
            previous = name.to_owned();
        }
        let _ = writeln!(text, "{} {}", TextSeries(&reading.series), reading.value);
    }
    text
}

/// A series in the text format, whose label values escape only `\`, `"` and line feeds.
struct TextSeries<'a>(&'a Series);

impl std::fmt::Display for TextSeries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())?;
        let mut open = '{';
        for (label, value) in self.0.labels() {
            write!(f, "{open}{label}=\"")?;
            for c in value.chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    '"' => f.write_str("\\\"")?,
                    '\n' => f.write_str("\\n")?,
                    c => f.write_char(c)?,
                }
            }
            f.write_char('"')?;
            open = ',';
        }
        f.write_str(if open == ',' { "}" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_name_share_their_header() {
        let text = exposition(vec![
            Reading::counter("weir_b_total", &[("reason", "tag")], 2, "Refused."),
            Reading::gauge("weir_a", &[], 1.5, "Open."),
            Reading::counter("weir_b_total", &[("reason", "a\"\\\n")], 1, "Refused."),
        ]);
        let expected = "# HELP weir_a Open.\n# TYPE weir_a gauge\nweir_a 1.5\n\
            # HELP weir_b_total Refused.\n# TYPE weir_b_total counter\n\
            weir_b_total{reason=\"a\\\"\\\\\\n\"} 1\nweir_b_total{reason=\"tag\"} 2\n";
        assert_eq!(text, expected);
    }
}
