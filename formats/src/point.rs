//! What a sender says of one series at one time, in whatever format.

use std::borrow::Cow;

use weir_sample::{Histogram, Kind};

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point<'a> {
    /// The metric's name.
    pub name: Cow<'a, str>,
    /// Its labels, in any order. One that comes twice is the sender's mistake, and is found by who takes the point.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Whether it counts on.
    pub kind: Kind,
    /// Milliseconds since 1970.
    pub time: i64,
    /// What it is then.
    pub value: Measured,
}

/// The value of a point.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// A number.
    Float(f64),
    /// How much a counter has grown in a stretch of time, which may be shorter than a millisecond.
    Difference {
        /// From when on, in nanoseconds; zero if nobody says.
        since: i64,
        /// Until when, in nanoseconds.
        until: i64,
        /// How much.
        by: f64,
    },
    /// A native histogram.
    Histogram(Box<Histogram>),
    /// What was observed in a stretch of time.
    Window {
        /// From when on, in nanoseconds; zero if nobody says.
        since: i64,
        /// Until when, in nanoseconds.
        until: i64,
        /// All of it.
        histogram: Box<Histogram>,
    },
}

/// An observation that is shown for many.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// Milliseconds since 1970; `None`: its sample's time.
    pub time: Option<i64>,
    /// What was observed.
    pub value: f64,
    /// Labels of its own, such as `trace_id`.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// What a metric is that nobody describes: by its name, as Prometheus' libraries give them.
pub fn kind_by_name(name: &str) -> Kind {
    let counts = ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end));
    if counts { Kind::Counter } else { Kind::Gauge }
}
