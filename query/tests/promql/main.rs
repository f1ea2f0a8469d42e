//! What queries answer: `check(data, query, expected)` and many short cases.

mod aggregations;
mod data;
mod distributions;
mod errors;
mod functions;
mod operators;
mod ranges;
mod same_labels;
mod selectors;
mod text;

use std::time::Duration;

use data::load;
use weir_query::table::Memory;
use weir_query::{Answer, Data, Engine, Limits, Point, QueryError};
use weir_sample::Timestamp;

/// Evaluates `query` over `data` and compares with `expected`, both line by line.
///
/// Data: see [`data`]. A query starts with its time (`50s: x`) or its range and step (`0s..50s/10s: x`). Expected: a line
/// per series, labels and values, `_` where there is none; `error_type: message` (its start) if there is no answer.
fn check(data: &str, query: &str, expected: &str) {
    let got = ask(&load(data), query, Limits::default());
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let got: Vec<String> = match got {
        Ok(answer) => render(&answer, &times(query)),
        Err(error) => {
            let text = format!("{}: {}", error.error_type(), error.message());
            let same = expected.first().filter(|expected| text.starts_with(**expected));
            same.map_or(vec![text], |expected| vec![expected.to_string()])
        }
    };
    assert_eq!(got, expected, "{query}");
}

fn ask(stored: &Memory, query: &str, limits: Limits) -> Result<Answer, QueryError> {
    let (when, promql) = query.split_once(": ").expect("time: query");
    let engine = Engine::new(limits);
    match when.split_once("..") {
        None => engine.instant(stored, promql, Timestamp(millis(when))),
        Some((start, rest)) => {
            let (end, step) = rest.split_once('/').expect("start..end/step");
            let step = Duration::from_millis(millis(step) as u64);
            engine.range(stored, promql, Timestamp(millis(start)), Timestamp(millis(end)), step)
        }
    }
}

/// The instants at which a query is evaluated.
fn times(query: &str) -> Vec<i64> {
    let (when, _) = query.split_once(": ").expect("time: query");
    match when.split_once("..") {
        None => vec![millis(when)],
        Some((start, rest)) => {
            let (end, step) = rest.split_once('/').expect("start..end/step");
            (millis(start)..=millis(end)).step_by(millis(step) as usize).collect()
        }
    }
}

/// `500ms`, `50s`, `5m`, `2h`, `1d` in milliseconds.
fn millis(text: &str) -> i64 {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..at].parse().expect("a number and a unit");
    let unit = match &text[at..] {
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        unit => panic!("unit {unit:?}"),
    };
    (number * unit) as i64
}

fn render(answer: &Answer, times: &[i64]) -> Vec<String> {
    match &answer.data {
        Data::Scalar(_, value) => vec![number(*value)],
        Data::String(_, text) => vec![text.clone()],
        Data::Vector(samples) => {
            samples.iter().map(|sample| format!("{} {}", sample.labels, point(&sample.value))).collect()
        }
        Data::Matrix(lines) => {
            let value = |line: &weir_query::Line, time: i64| {
                let float = line.floats.iter().find(|(at, _)| at.millis() == time).map(|(_, value)| number(*value));
                let histogram = line.histograms.iter().find(|(at, _)| at.millis() == time);
                float
                    .or(histogram.map(|(_, histogram)| point(&Point::Histogram(histogram.clone()))))
                    .unwrap_or("_".into())
            };
            let raw = times.len() == 1;
            let line = |line: &weir_query::Line| {
                let values: Vec<_> = match raw {
                    true => line.floats.iter().map(|(at, v)| format!("{}@{}", number(*v), at.millis())).collect(),
                    false => times.iter().map(|&time| value(line, time)).collect(),
                };
                format!("{} {}", line.labels, values.join(" "))
            };
            lines.iter().map(line).collect()
        }
    }
}

/// A distribution as its count and sum.
fn point(point: &Point) -> String {
    match point {
        Point::Float(value) => number(*value),
        Point::Histogram(histogram) => format!("{{{}|{}}}", number(histogram.count()), number(histogram.sum())),
    }
}

/// Ten significant digits: results are compared, not their last bits.
fn number(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return format!("{value}");
    }
    let rounded: f64 = format!("{value:.9e}").parse().expect("a number");
    format!("{rounded}")
}
