//! Samples of one request, gathered by series until all of it has been read. A data point comes in whole or not at all.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};

use weir_formats::remote_write::{MOST_DISTINCT_LABELS, MOST_SAMPLES, MOST_SERIES, NAME};
use weir_formats::{Exemplar, Measured, Point};
use weir_sample::{Histogram, Kind, Series, legal_label_name, legal_metric_name};
use weir_sink::{Labels, Odd, Pair, SampleWriter, exemplar_bytes};

use super::left_out::{LeftOut, spelled};
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
    /// Exemplars that are taken, and those that are none.
    exemplars: usize,
    pub(crate) odd_exemplars: u64,
    oldest: i64,
    newest: i64,
    /// Differences from before are not counted.
    oldest_difference: i64,
    key: String,
    /// Of a protocol whose names are mended: by what each name of a metric or a label has become, how it was sent first.
    mended: Option<HashMap<(bool, String), Box<str>>>,
}

/// What was brought of one series.
struct Brought {
    own: Vec<Pair>,
    kind: Kind,
    samples: Vec<(i64, f64)>,
    histograms: Vec<(i64, Vec<u8>)>,
    differences: Vec<(i64, i64, f64)>,
    windows: Vec<(i64, i64, Vec<u8>)>,
    exemplars: Vec<(i64, Vec<u8>)>,
}

impl Gathered {
    /// With labels that every series gets, the earliest and latest time that is stored, and the earliest of differences.
    pub(super) fn enforcing<'l>(
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        (oldest, newest): (i64, i64),
        oldest_difference: i64,
    ) -> Self {
        let (known, places, series, when, key) = Default::default();
        let (labels, mended, exemplars, odd_exemplars) = (Labels::enforcing(labels), None, 0, 0);
        let left_out = LeftOut::default();
        Self {
            labels,
            known,
            places,
            series,
            when,
            left_out,
            exemplars,
            odd_exemplars,
            oldest,
            newest,
            oldest_difference,
            key,
            mended,
        }
    }

    /// The same where names are mended to Prometheus' letters. Two that become one are refused, not merged.
    pub(super) fn mending(self) -> Self {
        Self { mended: Some(HashMap::new()), ..self }
    }

    /// Takes the points of one instant: all, or none and counts why. Returns whether they were taken.
    ///
    /// # Errors
    /// The request is over a limit.
    pub(crate) fn take(&mut self, points: &[Point<'_>]) -> Result<bool, Refused> {
        let mut placed = Vec::with_capacity(points.len());
        for point in points {
            let is_difference = matches!(point.value, Measured::Difference { .. } | Measured::Window { .. });
            let oldest = if is_difference { self.oldest.max(self.oldest_difference) } else { self.oldest };
            if !self.left_out.is_within_of(point.time, oldest, self.newest, || named(point)) {
                return Ok(false);
            }
            let is_of_no_time = match point.value {
                Measured::Difference { since, until, by } => since >= until || !by.is_finite(),
                Measured::Window { since, until, .. } => since >= until,
                Measured::Float(_) | Measured::Histogram(_) => false,
            };
            if is_of_no_time {
                self.left_out.add_of(Reason::Delta, 1, || named(point));
                return Ok(false);
            }
            match self.place(point)? {
                Ok(place) => placed.push(place),
                Err(odd) => {
                    self.left_out.add_of(odd, 1, || named(point));
                    return Ok(false);
                }
            }
        }
        let values: Vec<_> = points.iter().map(Value::of).collect();
        let contradicts = |(&place, (point, value)): (&usize, (&Point<'_>, &Value))| {
            self.when.get(&(place, value.when(point.time))).is_some_and(|before| *before != value.sum())
        };
        if placed.iter().zip(points.iter().zip(&values)).any(contradicts) {
            self.left_out.add_of(Reason::Conflict, 1, || points.first().map(named).unwrap_or_default());
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
                    Value::Window(since, until, bytes) => brought.windows.push((until, since, bytes)),
                }
            }
        }
        Ok(true)
    }

    /// Takes an exemplar of a point's series. Returns whether it was taken: one whose series or labels are odd costs itself, and is
    /// counted.
    ///
    /// # Errors
    /// The request is over a limit.
    pub(crate) fn take_exemplar(&mut self, of: &Point<'_>, exemplar: &Exemplar<'_>) -> Result<bool, Refused> {
        let time = exemplar.time.unwrap_or(of.time);
        let labels = exemplar.labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        let bytes = exemplar_bytes(exemplar.value, labels).filter(|_| (self.oldest..=self.newest).contains(&time));
        let place = self.place(of)?;
        let (Some(bytes), Ok(place)) = (bytes, place) else {
            self.odd_exemplars += 1;
            return Ok(false);
        };
        if (self.when.len() + self.exemplars) as u64 >= MOST_SAMPLES {
            return Err(Refused::too_much("samples", MOST_SAMPLES));
        }
        self.exemplars += 1;
        self.series[place].exemplars.push((time, bytes));
        Ok(true)
    }

    /// Where the series of a point is, or what is odd about it.
    fn place(&mut self, point: &Point<'_>) -> Result<Result<usize, Odd>, Refused> {
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
                    windows: Vec::new(),
                    exemplars: Vec::new(),
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
        let sent = if metric.is_some() { value } else { name };
        let pair = match (self.mend(metric.is_some(), sent), metric) {
            (None, _) => self.labels.odd(&[], Odd::Mended),
            (Some(metric), Some(kind)) => self.labels.metric(&[], &metric, kind),
            (Some(label), None) => self.labels.label(&[], &label, value),
        };
        self.known.insert(self.key.as_str().into(), pair);
        Ok(pair)
    }

    /// A name as it is stored; `None` if it would be another's.
    fn mend<'n>(&mut self, is_metric: bool, sent: &'n str) -> Option<Cow<'n, str>> {
        let Some(mended) = self.mended.as_mut().filter(|_| !sent.is_empty()) else { return Some(Cow::Borrowed(sent)) };
        let name = if is_metric { legal_metric_name(sent) } else { legal_label_name(sent) };
        let first = mended.entry((is_metric, name.clone().into_owned())).or_insert_with(|| sent.into());
        (**first == *sent).then_some(name)
    }

    /// The payloads of the records, and how many samples they hold.
    pub(super) fn finish(self) -> (Vec<Vec<u8>>, u64) {
        let (mut floats, mut histograms) = (SampleWriter::default(), SampleWriter::of_histograms());
        let (mut grown, mut observed) = (SampleWriter::of_differences(), SampleWriter::of_windows());
        let mut shown = SampleWriter::of_exemplars();
        for Brought { own, kind, samples, histograms: its, differences, windows, exemplars } in &self.series {
            if !samples.is_empty() {
                floats.push(&self.labels, own, *kind, samples);
            }
            histograms.push_histograms(&self.labels, own, its);
            grown.push_differences(&self.labels, own, differences);
            observed.push_windows(&self.labels, own, windows);
            shown.push_histograms(&self.labels, own, exemplars);
        }
        let mut payloads = floats.finish();
        payloads.extend(
            histograms.finish().into_iter().chain(grown.finish()).chain(observed.finish()).chain(shown.finish()),
        );
        (payloads, self.when.len() as u64)
    }
}

/// A series that is left out, as it was sent.
fn named(point: &Point<'_>) -> String {
    let labels = point.labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    spelled(std::iter::once((NAME, point.name.as_ref())).chain(labels))
}

/// A value as it is stored.
enum Value {
    Float(f64),
    Histogram(Vec<u8>),
    Difference(i64, i64, f64),
    Window(i64, i64, Vec<u8>),
}

impl Value {
    fn of(point: &Point<'_>) -> Self {
        match &point.value {
            Measured::Float(value) => Self::Float(*value),
            Measured::Difference { since, until, by } => Self::Difference(*since, *until, *by),
            Measured::Histogram(histogram) => Self::Histogram(bytes_of(histogram)),
            Measured::Window { since, until, histogram } => Self::Window(*since, *until, bytes_of(histogram)),
        }
    }

    /// The instant at which there is one: of differences several may be in a millisecond.
    fn when(&self, millis: i64) -> i64 {
        if let Self::Difference(_, until, _) | Self::Window(_, until, _) = self { *until } else { millis }
    }

    /// What tells it from another.
    fn sum(&self) -> u64 {
        match self {
            Self::Float(value) => value.to_bits(),
            Self::Difference(since, _, by) => by.to_bits() ^ (*since as u64).rotate_left(32) ^ 1,
            Self::Histogram(bytes) => sum_of(bytes),
            Self::Window(since, _, bytes) => sum_of(bytes) ^ (*since as u64).rotate_left(32) ^ 1,
        }
    }
}

fn bytes_of(histogram: &Histogram) -> Vec<u8> {
    let mut bytes = Vec::new();
    histogram.encode(&mut bytes);
    bytes
}

fn sum_of(bytes: &[u8]) -> u64 {
    let mut sum = DefaultHasher::new();
    sum.write(bytes);
    sum.finish()
}
