//! Samples as text with timestamps, which is read back as what it was. Distributions, for which the text format has no form, are
//! comments that an import knows; their counts and sums are series of their own.

use std::borrow::Cow;
use std::io::Write;

use weir_sample::{Histogram, Kind, Series, legal_label_name, legal_metric_name};

use super::distribution::WORD;
use crate::base64;

/// Writes series one after another, each name's kind ahead of it.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// The name and kind told last.
    told: Option<(String, Kind)>,
}

impl<W: Write> Writer<W> {
    /// A writer that has told nothing yet.
    pub fn new(out: W) -> Self {
        Self { out, told: None }
    }

    /// Writes one series, a line per sample.
    pub fn series(&mut self, series: &Series, kind: Kind, times: &[i64], values: &[f64]) -> std::io::Result<()> {
        let name = series.name();
        if self.told.as_ref().is_none_or(|(told, of)| told != name || *of != kind) {
            writeln!(self.out, "# TYPE {} {}", metric_name(name), kind.prometheus_type())?;
            self.told = Some((name.to_owned(), kind));
        }
        let key = spelled(name, series.labels());
        for (time, value) in times.iter().zip(values) {
            writeln!(self.out, "{key} {value} {time}")?;
        }
        Ok(())
    }

    /// Writes the histograms of one series, a line for each.
    pub fn histograms(&mut self, series: &Series, times: &[i64], histograms: &[Histogram]) -> std::io::Result<()> {
        let (key, mut bytes) = (spelled(series.name(), series.labels()), Vec::new());
        for (time, histogram) in times.iter().zip(histograms) {
            bytes.clear();
            histogram.encode(&mut bytes);
            writeln!(self.out, "# {WORD} {key} {} {time}", base64::encode(&bytes))?;
        }
        Ok(())
    }

    /// Where the text goes.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }
}

/// A label's value as the exposition format has it, which knows three escapes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A metric's name ahead of a type, in quotes where it could not stand before braces.
pub fn metric_name(name: &str) -> Cow<'_, str> {
    if legal_metric_name(name) == name { Cow::Borrowed(name) } else { Cow::Owned(format!("\"{}\"", escaped(name))) }
}

/// A series as the exposition format has it: `name{label="value"}`, or `{"a name","a label"="value"}`.
pub fn spelled<'l>(name: &str, labels: impl Iterator<Item = (&'l str, &'l str)>) -> String {
    let spelled = metric_name(name);
    let mut open = '{';
    let mut text = String::new();
    if matches!(spelled, Cow::Owned(_)) {
        text.push('{');
        open = ',';
    }
    text.push_str(&spelled);
    for (label, value) in labels {
        text.push(open);
        match legal_label_name(label) == label {
            true => text.push_str(label),
            false => text.extend(["\"", escaped(label).as_str(), "\""]),
        }
        text.extend(["=\"", escaped(value).as_str(), "\""]);
        open = ',';
    }
    if open == ',' {
        text.push('}');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Families, Line, Meaning, Reader};
    use super::*;
    use proptest::prelude::*;
    use weir_sample::Timestamp;

    #[test]
    fn what_is_written_is_read() {
        let series = Series::new("x", [("a", "one \"two\"\\ \n{three}, four\t\u{200b}"), ("b", "")]);
        let mut writer = Writer::new(Vec::new());
        writer.series(&series, Kind::Counter, &[1_000], &[0.1]).unwrap();
        writer.series(&series, Kind::Counter, &[-2], &[f64::INFINITY]).unwrap();
        let text = String::from_utf8(writer.out).unwrap();
        let (mut reader, mut families, mut back) = (Reader::default(), Families::default(), Vec::new());
        for line in text.lines() {
            match reader.read(line).unwrap() {
                Line::Type { family, kind } => families.learn(family, kind),
                Line::Sample(sample) => back.push((sample.series(), sample.value, sample.time.unwrap())),
                Line::Help { .. } | Line::Unit { .. } | Line::Nothing | Line::End => panic!("{line}"),
            }
        }
        assert_eq!(back, [(series.clone(), 0.1, Timestamp(1_000)), (series, f64::INFINITY, Timestamp(-2))]);
        assert_eq!((families.meaning("x"), text.matches("# TYPE").count()), (Meaning::Cumulative, 1));
    }

    proptest! {
        #[test]
        fn any_name_label_and_number_come_back(name: String, label: String, value: f64, time in -60_000_000_000_000..250_000_000_000_000_i64) {
            let series = Series::new(&name, [("a", label.as_str()), (name.as_str(), "b")]);
            let mut writer = Writer::new(Vec::new());
            writer.series(&series, Kind::Gauge, &[time], &[value]).unwrap();
            let text = String::from_utf8(writer.out).unwrap();
            let line = text.lines().nth(1).unwrap();
            let Ok(Line::Sample(sample)) = Reader::default().read(line) else { panic!("{line}") };
            prop_assert_eq!((sample.series(), sample.time), (series, Some(Timestamp(time))));
            prop_assert!(sample.value == value || sample.value.is_nan() && value.is_nan());
        }
    }
}
