//! Whether an answer is what a table expects.

use weir_query::table::Written;
use weir_query::{Data, LabelSet, Line, Point, Sample};
use weir_sample::Histogram;

use crate::script::Eval;

/// Numbers may differ by so much of their sum.
const NEARLY: f64 = 1e-6;

fn nearly(one: f64, other: f64) -> bool {
    let off = (one - other).abs();
    one.is_nan() && other.is_nan() || one == other || off / (one.abs() + other.abs()) < NEARLY
}

fn same_histogram(expected: &Histogram, got: &Histogram, has_hint: bool) -> bool {
    let buckets = |histogram: &Histogram| histogram.buckets().collect::<Vec<_>>();
    let (one, other) = (buckets(expected), buckets(got));
    let same_bucket = |(one, other): (&weir_sample::Bucket, &weir_sample::Bucket)| {
        nearly(one.count, other.count) && nearly(one.lower, other.lower) && nearly(one.upper, other.upper)
    };
    expected.resolution() == got.resolution()
        && nearly(expected.count(), got.count())
        && nearly(expected.sum(), got.sum())
        && one.len() == other.len()
        && one.iter().zip(&other).all(same_bucket)
        && (!has_hint || expected.hint() == got.hint())
}

fn same(expected: &Written, got: &Point) -> bool {
    match (&expected.point, got) {
        (Point::Float(expected), Point::Float(got)) => nearly(*expected, *got),
        (Point::Histogram(one), Point::Histogram(got)) => same_histogram(one, got, expected.has_hint),
        _ => false,
    }
}

/// What a query answered, or what is wrong with it.
pub(crate) fn check(eval: &Eval, data: &Data, times: &[i64]) -> Result<(), String> {
    match data {
        Data::Scalar(_, value) => match eval.scalar {
            Some(expected) if nearly(expected, *value) => Ok(()),
            expected => Err(format!("scalar {value}, not {expected:?}")),
        },
        Data::String(_, text) => match &eval.text {
            Some(expected) if expected == text => Ok(()),
            expected => Err(format!("string {text:?}, not {expected:?}")),
        },
        Data::Vector(samples) => vector(eval, samples),
        Data::Matrix(lines) => matrix(eval, lines, times),
    }
}

/// The vector that a matrix has at one time.
pub(crate) fn at(lines: &[Line], time: i64) -> Vec<Sample> {
    let sample = |line: &Line| {
        let float = line.floats.iter().find(|(at, _)| at.millis() == time);
        let histogram = || line.histograms.iter().find(|(at, _)| at.millis() == time);
        let (time, value) = match float {
            Some((time, value)) => (*time, Point::Float(*value)),
            None => histogram().map(|(time, histogram)| (*time, Point::Histogram(histogram.clone())))?,
        };
        Some(Sample { labels: line.labels.clone(), time, value })
    };
    lines.iter().filter_map(sample).collect()
}

pub(crate) fn vector(eval: &Eval, samples: &[Sample]) -> Result<(), String> {
    if let Some(expected) = eval.scalar {
        return match samples {
            [sample] if sample.labels == LabelSet::empty() => match &sample.value {
                Point::Float(value) if nearly(*value, expected) => Ok(()),
                other => Err(format!("{other:?}, not {expected}")),
            },
            _ => Err(format!("a vector, not {expected}")),
        };
    }
    for (at, sample) in samples.iter().enumerate() {
        let place = eval.series.iter().position(|(labels, _)| *labels == sample.labels);
        let Some(place) = place else { return Err(format!("unexpected {} {}", sample.labels, told(&sample.value))) };
        let [Some(expected)] = eval.series[place].1.as_slice() else { return Err("one value is expected".into()) };
        if !same(expected, &sample.value) {
            return Err(format!("{} {}, not {}", sample.labels, told(&sample.value), told(&expected.point)));
        }
        if eval.is_ordered && place != at {
            return Err(format!("{} is at {at}, not at {place}", sample.labels));
        }
    }
    missing(eval, samples.iter().map(|sample| &sample.labels))
}

fn missing<'l>(eval: &Eval, got: impl Iterator<Item = &'l LabelSet>) -> Result<(), String> {
    let got: Vec<_> = got.collect();
    match eval.series.iter().find(|(labels, values)| !got.contains(&labels) && values.iter().any(Option::is_some)) {
        Some((labels, _)) => Err(format!("{labels} is missing")),
        None if got.iter().enumerate().any(|(at, one)| got[..at].contains(one)) => Err("a series comes twice".into()),
        None => Ok(()),
    }
}

fn matrix(eval: &Eval, lines: &[Line], times: &[i64]) -> Result<(), String> {
    if eval.scalar.is_some() {
        return Err("a matrix, not a scalar".into());
    }
    for line in lines {
        let found = eval.series.iter().find(|(labels, _)| *labels == line.labels);
        let Some((_, expected)) = found else { return Err(format!("unexpected {}", line.labels)) };
        if expected.len() > times.len() {
            return Err(format!("{} points are expected of {}", expected.len(), times.len()));
        }
        let (mut floats, mut histograms) = (line.floats.iter(), line.histograms.iter());
        for (expected, time) in expected.iter().zip(times) {
            let Some(expected) = expected else { continue };
            let got = match &expected.point {
                Point::Float(_) => floats.next().map(|(at, value)| (*at, Point::Float(*value))),
                Point::Histogram(_) => histograms.next().map(|(at, value)| (*at, Point::Histogram(value.clone()))),
            };
            match got {
                Some((at, point)) if at.millis() == *time && same(expected, &point) => {}
                got => {
                    let got =
                        got.map_or("nothing".into(), |(at, point)| format!("{} at {}", told(&point), at.millis()));
                    return Err(format!("{} at {time}: {got}, not {}", line.labels, told(&expected.point)));
                }
            }
        }
        if floats.next().is_some() || histograms.next().is_some() {
            return Err(format!("{} has more points than are expected", line.labels));
        }
    }
    missing(eval, lines.iter().map(|line| &line.labels))
}

fn told(point: &Point) -> String {
    match point {
        Point::Float(value) => value.to_string(),
        Point::Histogram(h) => {
            let buckets: Vec<_> = h.buckets().map(|b| format!("({},{}]:{}", b.lower, b.upper, b.count)).collect();
            let (scale, count, sum, hint) = (h.resolution(), h.count(), h.sum(), h.hint());
            format!("{{{{schema:{scale} count:{count} sum:{sum} hint:{hint:?} {}}}}}", buckets.join(" "))
        }
    }
}
