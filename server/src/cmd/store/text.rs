//! Samples as Prometheus text with timestamps: out of the store and back into it. Distributions have no such form; their
//! counts and sums, which are series of their own, do.

use std::io::{BufRead, Write};

use weir_sample::{Kind, Series, Timestamp};

/// One line of text.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// What the series of a name are.
    Type(String, Kind),
    Sample(Series, f64, Timestamp),
    /// A comment, or empty.
    Nothing,
}

/// Writes series one after another, each name's kind ahead of it.
pub(crate) struct Writer<W> {
    out: W,
    /// The name and kind told last.
    told: Option<(String, Kind)>,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, told: None }
    }

    /// Writes one series, a line per sample.
    pub(crate) fn series(&mut self, series: &Series, kind: Kind, times: &[i64], values: &[f64]) -> std::io::Result<()> {
        let name = series.name();
        if self.told.as_ref().is_none_or(|(told, of)| told != name || *of != kind) {
            writeln!(self.out, "# TYPE {name} {}", kind.prometheus_type())?;
            self.told = Some((name.to_owned(), kind));
        }
        let key = spell(series);
        for (time, value) in times.iter().zip(values) {
            writeln!(self.out, "{key} {value} {time}")?;
        }
        Ok(())
    }

    pub(crate) fn out(&mut self) -> &mut W {
        &mut self.out
    }
}

/// The series as the exposition format has it, which knows three escapes.
fn spell(series: &Series) -> String {
    let mut text = series.name().to_owned();
    for (at, (label, value)) in series.labels().enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        text.extend([if at == 0 { "{" } else { "," }, label, "=\"", value.as_str(), "\""]);
    }
    if series.labels().next().is_some() {
        text.push('}');
    }
    text
}

/// Reads lines and hands them over with their number.
pub(super) fn read<E>(
    input: impl BufRead,
    mut each: impl FnMut(usize, Result<Line, &'static str>) -> Result<(), E>,
) -> Result<(), E>
where
    E: From<std::io::Error>,
{
    for (at, line) in input.lines().enumerate() {
        each(at + 1, parse(&line?))?;
    }
    Ok(())
}

fn parse(line: &str) -> Result<Line, &'static str> {
    let line = line.trim();
    if let Some(comment) = line.strip_prefix('#') {
        return Ok(parse_type(comment).unwrap_or(Line::Nothing));
    }
    if line.is_empty() {
        return Ok(Line::Nothing);
    }
    let name_end = line.find(['{', ' ', '\t']).ok_or("a sample has a value and a timestamp")?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (Vec::new(), rest),
    };
    let mut numbers = rest.split_ascii_whitespace();
    let value = numbers.next().and_then(|text| text.parse().ok()).ok_or("the value is no number")?;
    let time = numbers.next().and_then(|text| text.parse().ok()).ok_or("the timestamp in milliseconds is missing")?;
    let labels = labels.iter().map(|(label, value)| (*label, value.as_str()));
    Ok(Line::Sample(Series::new(name, labels), value, Timestamp(time)))
}

fn parse_type(comment: &str) -> Option<Line> {
    let mut words = comment.split_ascii_whitespace();
    let name = words.next().filter(|word| *word == "TYPE").and_then(|_| words.next())?;
    let kind = if words.next()? == "counter" { Kind::Counter } else { Kind::Gauge };
    Some(Line::Type(name.to_owned(), kind))
}

type Labels<'a> = (Vec<(&'a str, String)>, &'a str);

/// Labels after the opening brace, and what follows the closing one.
fn parse_labels(mut rest: &str) -> Result<Labels<'_>, &'static str> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (label, quoted) = rest.split_once("=\"").ok_or("a label is written name=\"value\"")?;
        let (value, after) = unquote(quoted).ok_or("a label's value has no closing quote")?;
        labels.push((label.trim(), value));
        rest = after;
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match (escaped, c) {
            (false, '"') => return Some((value, &quoted[at + 1..])),
            (false, '\\') => escaped = true,
            (false, c) => value.push(c),
            (true, c) => {
                value.push(if c == 'n' { '\n' } else { c });
                escaped = false;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let series = Series::new("x", [("a", "one \"two\"\\ \n{three}, four\t\u{200b}"), ("b", "")]);
        let mut writer = Writer::new(Vec::new());
        writer.series(&series, Kind::Counter, &[1_000], &[0.1]).unwrap();
        writer.series(&series, Kind::Counter, &[-2], &[f64::INFINITY]).unwrap();
        let mut back = Vec::new();
        read(&writer.out[..], |_, line| {
            back.push(line.unwrap());
            Ok::<_, std::io::Error>(())
        })
        .unwrap();
        assert_eq!(
            back,
            [
                Line::Type("x".into(), Kind::Counter),
                Line::Sample(series.clone(), 0.1, Timestamp(1_000)),
                Line::Sample(series, f64::INFINITY, Timestamp(-2))
            ]
        );
    }

    #[test]
    fn lines_are_read_or_refused_with_a_reason() {
        let sample = |name: &str| Ok(Line::Sample(Series::named(name), 2.0, Timestamp(7)));
        assert_eq!(parse("up 2 7"), sample("up"));
        assert_eq!(parse(" up{} 2 7 "), sample("up"));
        assert_eq!(parse("# TYPE up counter"), Ok(Line::Type("up".into(), Kind::Counter)));
        assert_eq!(parse("# HELP up Whether it is up."), Ok(Line::Nothing));
        assert_eq!(parse("up 2"), Err("the timestamp in milliseconds is missing"));
        assert_eq!(parse("up{a=\"b} 2 7"), Err("a label's value has no closing quote"));
        assert_eq!(parse("up two 7"), Err("the value is no number"));
    }
}
