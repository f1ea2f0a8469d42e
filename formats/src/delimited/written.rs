//! Families as they are written for those who scrape: numbers of no known type, and histograms.

use weir_sample::{CUSTOM_BOUNDS, Histogram, Parts, ResetHint};

use super::family::{GAUGE_HISTOGRAM, HISTOGRAM, UNTYPED};
use crate::histogram::{is_whole, side};
use crate::pen::{bytes, double, message, number, varint, zigzag};

/// A histogram without a threshold and without buckets is taken for a classic one: it gets this one, which is the least that
/// client libraries have.
const LEAST_THRESHOLD: f64 = f64::from_bits((1023 - 128) << 52);

/// One sample of a family.
#[derive(Clone, Copy, Debug)]
pub struct Exposed<'a> {
    /// Names and values.
    pub labels: &'a [(String, String)],
    /// Milliseconds since 1970.
    pub time: i64,
    /// What it has.
    pub value: Number<'a>,
}

/// What a sample has.
#[derive(Clone, Copy, Debug)]
pub enum Number<'a> {
    /// A number.
    Float(f64),
    /// A histogram that counts on, or by its hint a gauge.
    Histogram(&'a Histogram),
}

impl Number<'_> {
    fn kind(self) -> u64 {
        match self {
            Self::Float(_) => UNTYPED,
            Self::Histogram(histogram) if histogram.hint() == ResetHint::Gauge => GAUGE_HISTOGRAM,
            Self::Histogram(_) => HISTOGRAM,
        }
    }
}

/// Appends the samples of one name, behind their length. A family has one type: where another follows, one more family of
/// the name does, as Prometheus writes it.
pub fn write<'a>(out: &mut Vec<u8>, name: &str, samples: impl Iterator<Item = Exposed<'a>>) {
    let mut samples = samples.peekable();
    while let Some(kind) = samples.peek().map(|sample| sample.value.kind()) {
        let mut family = Vec::new();
        bytes(&mut family, 1, name.as_bytes());
        number(&mut family, 3, kind);
        while let Some(sample) = samples.next_if(|sample| sample.value.kind() == kind) {
            message(&mut family, 4, |out| metric(out, sample));
        }
        varint(out, family.len() as u64);
        out.extend(family);
    }
}

fn metric(out: &mut Vec<u8>, sample: Exposed<'_>) {
    for (name, value) in sample.labels {
        message(out, 1, |out| {
            bytes(out, 1, name.as_bytes());
            bytes(out, 2, value.as_bytes());
        });
    }
    match sample.value {
        Number::Float(value) => message(out, 5, |out| double(out, 1, value)),
        Number::Histogram(one) => message(out, 7, |out| histogram(out, &one.parts())),
    }
    number(out, 6, sample.time as u64);
}

fn histogram(out: &mut Vec<u8>, parts: &Parts) {
    let whole = is_whole(parts);
    let count = |out: &mut Vec<u8>, (of_whole, of_float): (u32, u32), count: f64| match whole {
        true => number(out, of_whole, count as u64),
        false => double(out, of_float, count),
    };
    count(out, (1, 4), parts.count);
    double(out, 2, parts.sum);
    if parts.scale == CUSTOM_BOUNDS {
        for (bound, below) in classic(parts) {
            message(out, 3, |out| {
                count(out, (1, 4), below);
                double(out, 2, bound);
            });
        }
        return;
    }
    let is_empty = parts.positive.is_empty() && parts.negative.is_empty() && parts.zero == 0.0;
    number(out, 5, zigzag(i64::from(parts.scale)));
    double(out, 6, if is_empty { parts.zero_threshold.max(LEAST_THRESHOLD) } else { parts.zero_threshold });
    count(out, (7, 8), parts.zero);
    side(out, 9, &parts.negative, whole);
    if is_empty {
        // A span of nothing says that the buckets are native.
        message(out, 12, |_| {});
    }
    side(out, 12, &parts.positive, whole);
}

/// Upper ends of buckets with bounds of their own, the infinite one last, and how much lies below each. Of any other histogram
/// the infinite one alone.
pub fn classic(parts: &Parts) -> impl Iterator<Item = (f64, f64)> + '_ {
    let (mut buckets, mut below) = (parts.positive.iter().peekable(), 0.0);
    let bounds = parts.bounds.iter().enumerate().map(move |(at, bound)| {
        while let Some((_, count)) = buckets.next_if(|(index, _)| *index as usize <= at) {
            below += count;
        }
        (*bound, below)
    });
    bounds.chain([(f64::INFINITY, parts.count)])
}

#[cfg(test)]
mod tests {
    use super::super::{Forms, Said, parse};
    use super::*;

    fn parts() -> Parts {
        Parts {
            scale: 3,
            hint: ResetHint::Unknown,
            zero_threshold: 0.25,
            zero: 1.0,
            count: 9.0,
            sum: 2.5,
            positive: vec![(-6, 2.0), (-5, 1.0), (500, 3.0)],
            negative: vec![(0, 2.0)],
            bounds: Vec::new(),
        }
    }

    fn read(values: &[Number<'_>]) -> Vec<(String, Said)> {
        let (labels, mut out, mut found) = ([("é b".to_owned(), "1\"".repeat(200))], Vec::new(), Vec::new());
        let samples = values.iter().map(|value| Exposed { labels: &labels, time: -7, value: *value });
        write(&mut out, "a.b", samples);
        let malformed = parse(&out, Forms::NATIVE, |scraped| {
            assert_eq!(scraped.labels[0], ("é b".into(), "1\"".repeat(200).into()));
            found.push((scraped.name.into_owned(), scraped.value));
        });
        assert_eq!(malformed, 0);
        found
    }

    #[test]
    fn families_are_read_as_what_was_written() {
        let of = |parts: Parts| parts.histogram().unwrap();
        let whole = of(parts());
        let half = of(Parts { count: 8.5, positive: vec![(1, 5.5)], ..parts() });
        let gauge = of(Parts { hint: ResetHint::Gauge, ..parts() });
        let empty = Histogram::new();
        let values = [
            Number::Float(1.5),
            Number::Histogram(&whole),
            Number::Histogram(&half),
            Number::Histogram(&gauge),
            Number::Histogram(&empty),
        ];
        let found = read(&values);
        assert!(found.iter().all(|(name, _)| name == "a.b"));
        let values: Vec<_> = found.into_iter().map(|(_, value)| value).collect();
        let histogram = |one: &Histogram| Said::Histogram(Box::new(one.clone()));
        let none = of(Parts { zero_threshold: LEAST_THRESHOLD, ..empty.clone().with_hint(ResetHint::Unknown).parts() });
        assert_eq!(
            values,
            [Said::Gauge(1.5), histogram(&whole), histogram(&half), histogram(&gauge), histogram(&none)]
        );
    }

    #[test]
    fn buckets_with_bounds_of_their_own_are_classic_ones() {
        let parts = Parts {
            scale: CUSTOM_BOUNDS,
            zero_threshold: 0.0,
            zero: 0.0,
            count: 6.0,
            positive: vec![(0, 1.0), (2, 3.0), (3, 2.0)],
            negative: Vec::new(),
            bounds: vec![0.5, 1.0, 2.0],
            ..parts()
        };
        let below: Vec<_> = classic(&parts).collect();
        assert_eq!(below, [(0.5, 1.0), (1.0, 1.0), (2.0, 4.0), (f64::INFINITY, 6.0)]);
        let found = read(&[Number::Histogram(&parts.histogram().unwrap())]);
        let told: Vec<_> = found.iter().map(|(name, value)| format!("{name} {value:?}")).collect();
        let expected =
            ["a.b_bucket Total(1.0)", "a.b_bucket Total(1.0)", "a.b_bucket Total(4.0)", "a.b_bucket Total(6.0)"];
        assert_eq!(told[..4], expected);
        assert_eq!(told[4..], ["a.b_sum Total(2.5)", "a.b_count Total(6.0)"]);
    }
}
