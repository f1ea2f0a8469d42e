//! A data point, of whatever kind: what all have, and the series that it becomes.

use std::borrow::Cow;

use weir_sample::{Kind, ResetHint, STALE};

use super::distribution;
use super::exemplar;
use super::labels::{Labels, Resource, Scope, of_point, put};
use super::names::{Shape, Strategy};
use super::{LeftOut, MOST_ATTRIBUTES};
use crate::protobuf::{Field, Fields, Malformed, WRONG_TYPE, double, message, whole};
use crate::{Exemplar, Measured, Point};

/// What all data points of a metric have in common.
pub(super) struct Family<'f, 'a> {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) resource: &'f Resource<'a>,
    pub(super) scope: Scope<'a>,
    pub(super) strategy: Strategy,
    /// Whether its numbers are what was added since the point's start.
    pub(super) is_delta: bool,
}

/// The numbers of fields that all data points have, which are not the same in all.
pub(super) struct FieldNumbers {
    attributes: u64,
    flags: u64,
    exemplars: u64,
}

/// A data point as it lies in its message.
pub(super) struct DataPoint<'a> {
    bytes: &'a [u8],
    attributes: Vec<&'a [u8]>,
    /// As they lie there.
    exemplars: Vec<&'a [u8]>,
    has_too_many: bool,
    /// Milliseconds.
    pub(super) time: i64,
    /// From when on it counts, zero if it does not say, and until when, in nanoseconds.
    stretch: (i64, i64),
    /// That there is no value is all it says.
    is_stale: bool,
}

/// What becomes of a data point.
type Outcome<'a> = Result<Vec<Point<'a>>, LeftOut>;

const NANOS_IN_MILLI: u64 = 1_000_000;
/// Exemplars of one data point that are read: SDKs keep one for each bucket, or for each processor.
const MOST_EXEMPLARS: usize = 64;

impl FieldNumbers {
    /// Those of a kind of metric, by its own number in the message of a metric.
    pub(super) fn of(kind: u64) -> Self {
        match kind {
            9 => Self { attributes: 9, flags: 10, exemplars: 8 },
            10 => Self { attributes: 1, flags: 10, exemplars: 11 },
            11 => Self { attributes: 7, flags: 8, exemplars: 0 },
            _ => Self { attributes: 7, flags: 8, exemplars: 5 },
        }
    }
}

impl<'a> DataPoint<'a> {
    pub(super) fn read(bytes: &'a [u8], numbers: &FieldNumbers) -> Result<Self, Malformed> {
        let (attributes, exemplars, mut count) = (Vec::new(), Vec::new(), 0_usize);
        let (has_too_many, time, stretch, is_stale) = (false, 0, (0, 0), false);
        let mut point = Self { bytes, attributes, exemplars, has_too_many, time, stretch, is_stale };
        for field in Fields(bytes) {
            match field? {
                (3, Field::Fixed64(nanos)) => {
                    point.time = (nanos / NANOS_IN_MILLI) as i64;
                    point.stretch.1 = signed(nanos);
                }
                (2, Field::Fixed64(nanos)) => point.stretch.0 = signed(nanos),
                (2 | 3, _) => return Err(WRONG_TYPE),
                (number, field) if number == numbers.attributes => {
                    count += 1;
                    if count <= MOST_ATTRIBUTES {
                        point.attributes.push(message(field)?);
                    }
                }
                (number, field) if number == numbers.exemplars && point.exemplars.len() < MOST_EXEMPLARS => {
                    point.exemplars.push(message(field)?);
                }
                (number, field) if number == numbers.flags => point.is_stale = whole(field)? & 1 == 1,
                _ => {}
            }
        }
        point.has_too_many = count > MOST_ATTRIBUTES;
        Ok(point)
    }
}

impl<'a> Family<'_, 'a> {
    /// The series that a data point of a kind of metric becomes.
    pub(super) fn told(&self, point: &DataPoint<'a>, kind: u64) -> Result<Outcome<'a>, Malformed> {
        if point.has_too_many {
            return Ok(Err(LeftOut::Attributes));
        }
        let labels = of_point(&point.attributes, self.resource, self.scope, self.strategy)?;
        match kind {
            5 | 7 => self.number(point, labels),
            9 => self.explicit(point, &labels),
            10 => self.exponential(point, labels),
            _ => self.summary(point, &labels),
        }
    }

    /// The exemplars of a data point, each with a point of its series.
    pub(super) fn exemplars(
        &self,
        point: &DataPoint<'a>,
        points: &[Point<'a>],
    ) -> Vec<Option<(Point<'a>, Exemplar<'a>)>> {
        let told = |bytes: &&'a [u8]| {
            let exemplar = exemplar::read(bytes, self.strategy).ok()?;
            exemplar::place(exemplar.value, points).map(|of| (of.clone(), exemplar))
        };
        point.exemplars.iter().map(told).collect()
    }

    fn number(&self, point: &DataPoint<'a>, labels: Labels<'a>) -> Result<Outcome<'a>, Malformed> {
        let mut value = point.is_stale.then_some(STALE);
        for field in Fields(point.bytes) {
            let number = match field? {
                (4, field) => double(field)?,
                (6, Field::Fixed64(bits)) => bits as i64 as f64,
                (6, _) => return Err(WRONG_TYPE),
                _ => continue,
            };
            value = Some(if point.is_stale { STALE } else { number });
        }
        let Some(value) = value else { return Ok(Err(LeftOut::NoValue)) };
        let one = match self.shape {
            Shape::Total => self.total("", labels, point, value),
            _ => self.one(&self.name, labels, Kind::Gauge, point.time, Measured::Float(value)),
        };
        Ok(Ok(vec![one]))
    }

    /// The classic series: what is at most each bound, the count and, where it is known, the sum.
    fn explicit(&self, point: &DataPoint<'a>, labels: &Labels<'a>) -> Result<Outcome<'a>, Malformed> {
        let explicit = distribution::Explicit::read(point.bytes)?;
        let Some(buckets) = explicit.cumulative() else { return Ok(Err(LeftOut::Histogram)) };
        let value = |value| if point.is_stale { STALE } else { value };
        let mut series = Vec::with_capacity(buckets.len() + 2);
        for (bound, count) in buckets {
            let mut labels = labels.clone();
            put(&mut labels, Cow::Borrowed("le"), Cow::Owned(bound));
            series.push(self.total("_bucket", labels, point, value(count)));
        }
        series.push(self.total("_count", labels.clone(), point, value(explicit.count as f64)));
        series.extend(explicit.sum.map(|sum| self.total("_sum", labels.clone(), point, value(sum))));
        Ok(Ok(series))
    }

    fn exponential(&self, point: &DataPoint<'a>, labels: Labels<'a>) -> Result<Outcome<'a>, Malformed> {
        let exponential = distribution::Exponential::read(point.bytes)?;
        let Some(histogram) = exponential.histogram(point.is_stale) else { return Ok(Err(LeftOut::Histogram)) };
        let value = match self.is_delta && !point.is_stale {
            true => {
                let ((since, until), histogram) = (point.stretch, Box::new(histogram.with_hint(ResetHint::Delta)));
                Measured::Window { since, until, histogram }
            }
            false => Measured::Histogram(Box::new(histogram)),
        };
        Ok(Ok(vec![self.one(&self.name, labels, Kind::Distribution, point.time, value)]))
    }

    fn summary(&self, point: &DataPoint<'a>, labels: &Labels<'a>) -> Result<Outcome<'a>, Malformed> {
        let (mut count, mut sum, mut series) = (0, 0.0, Vec::new());
        let value = |value| if point.is_stale { STALE } else { value };
        for field in Fields(point.bytes) {
            match field? {
                (4, Field::Fixed64(number)) => count = number,
                (4, _) => return Err(WRONG_TYPE),
                (5, field) => sum = double(field)?,
                (6, field) => {
                    let (quantile, at) = quantile(message(field)?)?;
                    let mut labels = labels.clone();
                    put(&mut labels, Cow::Borrowed("quantile"), Cow::Owned(quantile.to_string()));
                    series.push(self.one(&self.name, labels, Kind::Gauge, point.time, Measured::Float(value(at))));
                }
                _ => {}
            }
        }
        series.push(self.total("_count", labels.clone(), point, value(count as f64)));
        series.push(self.total("_sum", labels.clone(), point, value(sum)));
        Ok(Ok(series))
    }

    fn total(&self, ending: &str, labels: Labels<'a>, point: &DataPoint<'a>, value: f64) -> Point<'a> {
        let value = match self.is_delta && !point.is_stale {
            true => Measured::Difference { since: point.stretch.0, until: point.stretch.1, by: value },
            false => Measured::Float(value),
        };
        self.one(&format!("{}{ending}", self.name), labels, Kind::Counter, point.time, value)
    }

    fn one(&self, name: &str, labels: Labels<'a>, kind: Kind, time: i64, value: Measured) -> Point<'a> {
        // What is left of a name of nothing but an ending is no name.
        let name = if self.name.is_empty() { "" } else { name };
        Point { name: Cow::Owned(name.to_owned()), labels, kind, time, value }
    }
}

/// Nanoseconds as a number with a sign, which ends in 2262.
fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

fn quantile(bytes: &[u8]) -> Result<(f64, f64), Malformed> {
    let mut pair = (0.0, 0.0);
    for field in Fields(bytes) {
        match field? {
            (1, field) => pair.0 = double(field)?,
            (2, field) => pair.1 = double(field)?,
            _ => {}
        }
    }
    Ok(pair)
}
