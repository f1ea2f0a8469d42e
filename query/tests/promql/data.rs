//! Series written as text, as Prometheus' own tests do:
//!
//! ```text
//! load 30s
//! x{a="b"} 1+2x3 _ stale 4x2 NaN     # 1 3 5 7, a gap, a staleness marker, 4 4 4, NaN
//! y {{1 2 3}}x1                      # distributions: what was observed in each window
//! ```
//! The first sample is at time zero; without `load` samples are 10 s apart.

use weir_query::Point;
use weir_query::table::Memory;
use weir_sample::{Histogram, Series, Timestamp};

use crate::millis;

/// What the text says.
pub(crate) fn load(text: &str) -> Memory {
    let (mut interval, mut memory) = (10_000, Memory::default());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("load ") {
            Some(every) => interval = millis(every),
            None => add_series(&mut memory, line, interval),
        }
    }
    memory
}

fn add_series(memory: &mut Memory, line: &str, interval: i64) {
    let named = line.find("} ").filter(|_| line.find('{') < line.find(' ')).map(|at| at + 1);
    let (series, values) = line.split_at(named.or_else(|| line.find(' ')).expect("values after the series"));
    let series = parse_labels(series);
    for (at, value) in parse_values(values).into_iter().enumerate() {
        if let Some(value) = value {
            memory.add(&series, Timestamp(at as i64 * interval), value);
        }
    }
}

fn parse_labels(text: &str) -> Series {
    let (name, labels) = text.split_once('{').unwrap_or((text, "}"));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
    Series::new(name, labels.map(|(label, value)| (label.trim(), value.trim().trim_matches('"'))))
}

fn parse_values(text: &str) -> Vec<Option<Point>> {
    let mut values = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("{{") {
            let (observed, after) = inner.split_once("}}").expect("}}");
            let (times, after) = after.split_once(' ').unwrap_or((after, ""));
            for _ in 0..=repeats(times) {
                values.push(Some(Point::Histogram(Box::new(histogram(observed)))));
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
fn parse_floats(word: &str, values: &mut Vec<Option<Point>>) {
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
        values.push(Some(Point::Float(if i == 0 { start } else { start + step * i as f64 })));
    }
}
