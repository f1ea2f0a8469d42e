//! A request, walked: resource by resource, scope by scope, metric by metric.

use std::borrow::Cow;
use std::collections::HashMap;

use weir_sample::{Kind, Metadata, MetricType};

use super::labels::{Resource, Scope};
use super::names::{self, Shape};
use super::point::{DataPoint, Family, FieldNumbers};
use super::{LeftOut, MOST_POINTS, Refused, Told, Translation};
use crate::protobuf::{Field, Fields, Malformed, WRONG_TYPE, message, text, whole};
use crate::{Measured, Point};

/// Calls with everything that a request says.
///
/// # Errors
/// It is no request, or over a limit. What was told until then must be forgotten.
pub fn read(bytes: &[u8], translation: &Translation, mut each: impl FnMut(Told<'_>)) -> Result<(), Refused> {
    let mut walk = Walk { translation, names: HashMap::new(), is_unreadable: false, points: 0, each: &mut each };
    for field in Fields(bytes) {
        if let (1, field) = field? {
            walk.resource(message(field)?)?;
        }
    }
    Ok(())
}

struct Walk<'w, 'a> {
    translation: &'w Translation,
    /// By what each name has become, how it was sent first.
    names: HashMap<String, &'a str>,
    /// The resource or the scope of what is read now cannot be.
    is_unreadable: bool,
    points: u64,
    each: &'w mut dyn FnMut(Told<'a>),
}

/// Whether numbers are totals.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Temporality {
    Unsaid,
    Delta,
    Cumulative,
}

/// What a metric has: its data points and what is said of all of them.
struct Data<'a> {
    points: &'a [u8],
    temporality: Temporality,
    is_monotonic: bool,
}

impl<'a> Walk<'_, 'a> {
    fn resource(&mut self, bytes: &'a [u8]) -> Result<(), Refused> {
        let mut resource: &[u8] = &[];
        for field in Fields(bytes) {
            if let (1, field) = field? {
                resource = message(field)?;
            }
        }
        let read = Resource::read(resource, self.translation);
        let is_unreadable = read.is_err();
        let resource = read.unwrap_or_default();
        let mut latest = None;
        for field in Fields(bytes) {
            if let (2, field) = field? {
                self.is_unreadable = is_unreadable;
                latest = latest.max(self.scope(message(field)?, &resource)?);
            }
        }
        let Some(time) = latest.filter(|_| !is_unreadable) else { return Ok(()) };
        if resource.is_too_large() {
            (self.each)(Told::LeftOut(LeftOut::Attributes));
        }
        if let Some(labels) = resource.info() {
            let (name, value) = (Cow::Borrowed("target_info"), Measured::Float(1.0));
            (self.each)(Told::Resource(Point { name, labels, kind: Kind::Gauge, time, value }));
        }
        Ok(())
    }

    /// Reads what a scope has measured; returns the latest time of it.
    fn scope(&mut self, bytes: &'a [u8], resource: &Resource<'a>) -> Result<Option<i64>, Refused> {
        let mut scope = Scope::default();
        for field in Fields(bytes) {
            if let (1, field) = field? {
                match Scope::read(message(field)?) {
                    Ok(read) => scope = read,
                    Err(_) => self.is_unreadable = true,
                }
            }
        }
        let mut latest = None;
        for field in Fields(bytes) {
            if let (2, field) = field? {
                latest = latest.max(self.metric(message(field)?, resource, scope)?);
            }
        }
        Ok(latest)
    }

    fn metric(&mut self, bytes: &'a [u8], resource: &Resource<'a>, scope: Scope<'a>) -> Result<Option<i64>, Refused> {
        let (mut name, mut unit, mut data, mut description) = (Ok(""), Ok(""), None, "");
        for field in Fields(bytes) {
            match field? {
                (1, field) => name = text(field),
                // It is for people: one that cannot be read costs nothing else.
                (2, field) => description = text(field).unwrap_or_default(),
                (3, field) => unit = text(field),
                // The last of several is what the metric has, as protobuf has it.
                (kind @ (5 | 7 | 9 | 10 | 11), field) => data = Some((kind, Data::read(message(field)?)?)),
                _ => {}
            }
        }
        let Some((kind, data)) = data else {
            (self.each)(Told::LeftOut(LeftOut::NoValue));
            return Ok(None);
        };
        let has_temporality = matches!(kind, 7 | 9 | 10);
        let shape = shape_of(kind, data.is_monotonic);
        let is_delta = has_temporality && data.temporality == Temporality::Delta;
        let strategy = self.translation.strategy;
        let name_is_unreadable = name.is_err() || unit.is_err();
        let (sent, unit) = (name.unwrap_or_default(), unit.unwrap_or_default());
        let name = names::metric(sent, unit, shape, strategy);
        // A label that two keys become has the values of both; a metric has one value.
        let first = if strategy.escapes() { *self.names.entry(name.clone()).or_insert(sent) } else { sent };
        let family = Family { name, shape, resource, scope, strategy, is_delta };
        let refused = match data.temporality {
            _ if self.is_unreadable || name_is_unreadable => Some(LeftOut::Unreadable),
            _ if first != sent => Some(LeftOut::Mended),
            // What may fall has no total without its beginning.
            Temporality::Delta if kind == 7 && !data.is_monotonic => Some(LeftOut::Delta),
            Temporality::Unsaid if has_temporality => Some(LeftOut::Temporality),
            _ => None,
        };
        if refused.is_none() && !(description.is_empty() && unit.is_empty()) {
            let told = metadata(of_kind(kind, data.is_monotonic), unit, description);
            (self.each)(Told::Described(family.name.clone(), told));
        }
        let numbers = FieldNumbers::of(kind);
        let mut latest = None;
        for field in Fields(data.points) {
            let (1, field) = field? else { continue };
            self.points += 1;
            if self.points > MOST_POINTS {
                return Err(Refused::TooMuch("data points", MOST_POINTS));
            }
            let read = DataPoint::read(message(field)?, &numbers);
            latest = latest.max(read.as_ref().ok().map(|point| point.time));
            self.point(&family, refused, read, kind);
        }
        Ok(latest)
    }
}

impl<'a> Walk<'_, 'a> {
    /// Tells of a data point, and of its exemplars.
    fn point(
        &mut self,
        family: &Family<'_, 'a>,
        refused: Option<LeftOut>,
        read: Result<DataPoint<'a>, Malformed>,
        kind: u64,
    ) {
        let mut exemplars = Vec::new();
        let told = match refused {
            Some(why) => Err(why),
            None => read
                .and_then(|point| {
                    let told = family.told(&point, kind)?;
                    exemplars = told.as_ref().map_or_else(|_| Vec::new(), |points| family.exemplars(&point, points));
                    Ok(told)
                })
                .unwrap_or(Err(LeftOut::Unreadable)),
        };
        (self.each)(told.map_or_else(Told::LeftOut, Told::Point));
        exemplars.into_iter().for_each(|exemplar| (self.each)(Told::Exemplar(exemplar)));
    }
}

fn shape_of(kind: u64, is_monotonic: bool) -> Shape {
    match kind {
        5 => Shape::Gauge,
        7 if is_monotonic => Shape::Total,
        _ => Shape::Other,
    }
}

fn metadata(kind: MetricType, unit: &str, description: &str) -> Metadata {
    Metadata { kind, unit: names::unit(unit), help: description.to_owned() }
}

/// The type of a metric by the field in which its data are.
fn of_kind(kind: u64, is_monotonic: bool) -> MetricType {
    match kind {
        7 if is_monotonic => MetricType::Counter,
        9 | 10 => MetricType::Histogram,
        11 => MetricType::Summary,
        _ => MetricType::Gauge,
    }
}

impl<'a> Data<'a> {
    fn read(points: &'a [u8]) -> Result<Self, Refused> {
        let mut data = Self { points, temporality: Temporality::Unsaid, is_monotonic: false };
        for field in Fields(points) {
            match field? {
                (2, field) => {
                    data.temporality = match whole(field)? {
                        1 => Temporality::Delta,
                        2 => Temporality::Cumulative,
                        _ => Temporality::Unsaid,
                    };
                }
                (3, Field::Varint(yes)) => data.is_monotonic = yes != 0,
                (3, _) => return Err(WRONG_TYPE.into()),
                _ => {}
            }
        }
        Ok(data)
    }
}
