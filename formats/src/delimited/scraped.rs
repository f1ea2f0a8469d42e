//! What an endpoint says, in whatever format.

use std::borrow::Cow;

use weir_sample::{Histogram, Timestamp};

use crate::Exemplar;
use crate::text::Sample;

/// What an endpoint said of one series.
#[derive(Debug, PartialEq)]
pub struct Scraped<'a> {
    /// The metric's name.
    pub name: Cow<'a, str>,
    /// Labels; none comes twice.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// What it has. `NaN` is a number.
    pub value: Said,
    /// Milliseconds since 1970, where the endpoint says a time.
    pub time: Option<i64>,
    /// What is shown for many; of a number one at most.
    pub exemplars: Vec<Exemplar<'a>>,
}

impl<'a> Scraped<'a> {
    /// What a sample of a text says.
    pub fn of(sample: Sample<'a>, is_total: bool) -> Self {
        let Sample { name, labels, value, time, exemplar } = sample;
        let value = if is_total { Said::Total(value) } else { Said::Gauge(value) };
        let (time, exemplars) = (time.map(Timestamp::millis), exemplar.into_iter().map(|boxed| *boxed).collect());
        Self { name, labels, value, time, exemplars }
    }
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

impl Said {
    /// Whether it is no number, as of a quantile of nothing.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Gauge(value) | Self::Total(value) if value.is_nan())
    }
}

/// In which forms a histogram is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forms {
    /// As a native one, if it is one. Without this, what it has of classic buckets stands for it.
    pub native: bool,
    /// By classic buckets, even where it is taken as a native one.
    pub classic: bool,
    /// With classic buckets only, as a native one with their bounds.
    pub converted: bool,
}

impl Forms {
    /// Native ones as such, others by their buckets.
    pub const NATIVE: Self = Self { native: true, classic: false, converted: false };
    /// The same, and native ones by classic buckets too, if they have some.
    pub const BOTH: Self = Self { classic: true, ..Self::NATIVE };
}
