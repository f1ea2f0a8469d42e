//! Samples of one request, gathered by series until all of it has been read. A data point comes in whole or not at all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};

use weir_formats::remote_write::{MOST_DISTINCT_LABELS, MOST_SAMPLES, MOST_SERIES};
use weir_formats::{Measured, Point};
use weir_sample::{Kind, Series};
use weir_sink::{Labels, Pair, SampleWriter};

use super::left_out::LeftOut;
use super::reason::Reason;
use super::refused::Refused;

/// What a request has brought so far.
pub(crate) struct Gathered {
    labels: Labels<'static>,
    /// Labels that were met, each by its name and value.
    known: HashMap<Box<str>, Pair>,
    places: HashMap<Series, usize>,
    series: Vec<Brought>,
    /// What each series has when, to find what contradicts it.
    when: HashMap<(usize, i64), u64>,
    pub(crate) left_out: LeftOut,
    oldest: i64,
    newest: i64,
    /// Differences from before are not counted.
    oldest_difference: i64,
    key: String,
}

/// What was brought of one series.
struct Brought {
    own: Vec<Pair>,
    kind: Kind,
    samples: Vec<(i64, f64)>,
    histograms: Vec<(i64, Vec<u8>)>,
    differences: Vec<(i64, i64, f64)>,
}

impl Gathered {
    /// With labels that every series gets, the earliest and latest time that is stored, and the earliest of differences.
    pub(super) fn enforcing<'l>(
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        (oldest, newest): (i64, i64),
        oldest_difference: i64,
    ) -> Self {
        let (known, places, series, when, left_out, key) = Default::default();
        let labels = Labels::enforcing(labels);
        Self { labels, known, places, series, when, left_out, oldest, newest, oldest_difference, key }
    }

    /// Takes the points of one instant: all, or none and counts why. Returns whether they were taken.
    ///
    /// # Errors
    /// The request is over a limit.
    pub(crate) fn take(&mut self, points: &[Point<'_>]) -> Result<bool, Refused> {
        let mut placed = Vec::with_capacity(points.len());
        for point in points {
            let is_difference = matches!(point.value, Measured::Difference { .. });
            let oldest = if is_difference { self.oldest.max(self.oldest_difference) } else { self.oldest };
            if !self.left_out.is_within(point.time, oldest, self.newest) {
                return Ok(false);
            }
            if matches!(point.value, Measured::Difference { since, until, by } if since >= until || !by.is_finite()) {
                self.left_out.add(Reason::Delta, 1);
                return Ok(false);
            }
            match self.place(point)? {
                Ok(place) => placed.push(place),
                Err(odd) => {
                    self.left_out.add(odd, 1);
                    return Ok(false);
                }
            }
        }
        let values: Vec<_> = points.iter().map(Value::of).collect();
        let contradicts = |(&place, (point, value)): (&usize, (&Point<'_>, &Value))| {
            self.when.get(&(place, value.when(point.time))).is_some_and(|before| *before != value.sum())
        };
        if placed.iter().zip(points.iter().zip(&values)).any(contradicts) {
            self.left_out.add(Reason::Conflict, 1);
            return Ok(false);
        }
        if (self.when.len() + points.len()) as u64 > MOST_SAMPLES {
            return Err(Refused::too_much("samples", MOST_SAMPLES));
        }
        for ((place, point), value) in placed.into_iter().zip(points).zip(values) {
            // The same once more is the same.
            if let Entry::Vacant(free) = self.when.entry((place, value.when(point.time))) {
                free.insert(value.sum());
                let brought = &mut self.series[place];
                match value {
                    Value::Float(value) => brought.samples.push((point.time, value)),
                    Value::Histogram(bytes) => brought.histograms.push((point.time, bytes)),
                    Value::Difference(since, until, by) => brought.differences.push((until, since, by)),
                }
            }
        }
        Ok(true)
    }

    /// Where the series of a point is, or what is odd about it.
    fn place(&mut self, point: &Point<'_>) -> Result<Result<usize, weir_sink::Odd>, Refused> {
        let mut pairs = Vec::with_capacity(point.labels.len() + 1);
        pairs.push(self.pair(Some(point.kind), "", &point.name)?);
        for (name, value) in &point.labels {
            pairs.push(self.pair(None, name, value)?);
        }
        let mut own = Vec::with_capacity(pairs.len());
        let kind = match self.labels.series(&pairs, &mut own) {
            Ok(kind) => kind,
            Err(odd) => return Ok(Err(odd)),
        };
        let place = self.series.len();
        match self.places.entry(self.labels.build(&own)) {
            Entry::Occupied(known) => Ok(Ok(*known.get())),
            Entry::Vacant(_) if place as u64 >= MOST_SERIES => Err(Refused::too_much("series", MOST_SERIES)),
            Entry::Vacant(free) => {
                free.insert(place);
                self.series.push(Brought {
                    own,
                    kind,
                    samples: Vec::new(),
                    histograms: Vec::new(),
                    differences: Vec::new(),
                });
                Ok(Ok(place))
            }
        }
    }

    fn pair(&mut self, metric: Option<Kind>, name: &str, value: &str) -> Result<Pair, Refused> {
        self.key.clear();
        let head = metric.map_or(usize::MAX, |kind| kind as usize);
        write!(self.key, "{head}:{}:{name}{value}", name.len()).expect("a string takes all");
        if let Some(&pair) = self.known.get(self.key.as_str()) {
            return Ok(pair);
        }
        if self.known.len() >= MOST_DISTINCT_LABELS {
            return Err(Refused::too_much("different labels", MOST_DISTINCT_LABELS as u64));
        }
        let pair = match metric {
            Some(kind) => self.labels.metric(&[], value, kind),
            None => self.labels.label(&[], name, value),
        };
        self.known.insert(self.key.as_str().into(), pair);
        Ok(pair)
    }

    /// The payloads of the records, and how many samples they hold.
    pub(super) fn finish(self) -> (Vec<Vec<u8>>, u64) {
        let (mut floats, mut histograms) = (SampleWriter::default(), SampleWriter::of_histograms());
        let mut grown = SampleWriter::of_differences();
        for Brought { own, kind, samples, histograms: its, differences } in &self.series {
            if !samples.is_empty() {
                floats.push(&self.labels, own, *kind, samples);
            }
            histograms.push_histograms(&self.labels, own, its);
            grown.push_differences(&self.labels, own, differences);
        }
        let mut payloads = floats.finish();
        payloads.extend(histograms.finish().into_iter().chain(grown.finish()));
        (payloads, self.when.len() as u64)
    }
}

/// A value as it is stored.
enum Value {
    Float(f64),
    Histogram(Vec<u8>),
    Difference(i64, i64, f64),
}

impl Value {
    fn of(point: &Point<'_>) -> Self {
        match &point.value {
            Measured::Float(value) => Self::Float(*value),
            Measured::Difference { since, until, by } => Self::Difference(*since, *until, *by),
            Measured::Histogram(histogram) => {
                let mut bytes = Vec::new();
                histogram.encode(&mut bytes);
                Self::Histogram(bytes)
            }
        }
    }

    /// The instant at which there is one: of differences several may be in a millisecond.
    fn when(&self, millis: i64) -> i64 {
        if let Self::Difference(_, until, _) = self { *until } else { millis }
    }

    /// What tells it from another.
    fn sum(&self) -> u64 {
        match self {
            Self::Float(value) => value.to_bits(),
            Self::Difference(since, _, by) => by.to_bits() ^ (*since as u64).rotate_left(32) ^ 1,
            Self::Histogram(bytes) => {
                let mut sum = DefaultHasher::new();
                sum.write(bytes);
                sum.finish()
            }
        }
    }
}
