//! What an endpoint says, in whatever format.

use std::borrow::Cow;

use weir_sample::Histogram;

/// What an endpoint said of one series.
#[derive(Debug, PartialEq)]
pub struct Scraped<'a> {
    /// The metric's name.
    pub name: Cow<'a, str>,
    /// Labels; none comes twice.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// What it has.
    pub value: Said,
}

/// What a series has.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// The value of now.
    Gauge(f64),
    /// The total from the start of the process on.
    Total(f64),
    /// A native histogram, which counts on from the start of the process unless its hint says other.
    Histogram(Box<Histogram>),
}

/// Of a histogram that has native and classic buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classic {
    /// Only the native ones.
    LeftOut,
    /// Both.
    Kept,
}
