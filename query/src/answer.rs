//! Answers: values of series, at one time or over time.

use std::time::Duration;

use weir_sample::{Histogram, Timestamp};
use weir_store::Tier;

use crate::budget::Held;
use crate::labels::LabelSet;

/// The answer to a query: values, warnings, tiers.
#[derive(Debug)]
pub struct Answer {
    /// The values.
    pub data: Data,
    /// Sentences for the person who asked.
    pub warnings: Vec<String>,
    /// Hints that are not as bad.
    pub infos: Vec<String>,
    /// The tiers of storage that were read; empty if none was.
    pub tiers: Vec<Tier>,
    /// The memory it takes, counted until it is dropped.
    pub held: Held,
    /// Steps of a range whose values were kept from before.
    pub kept_steps: usize,
    /// Steps that were evaluated.
    pub evaluated_steps: usize,
    /// What it took to evaluate them.
    pub cost: Cost,
}

/// What an answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Series that were read from the store; one that is read twice counts twice.
    pub series: usize,
    /// Samples of them.
    pub samples: usize,
    /// Time of the evaluation.
    pub time: Duration,
}

impl Answer {
    /// Values of which nothing else is to be said.
    pub fn of(data: Data) -> Self {
        let (warnings, infos, tiers, held) = Default::default();
        Self { data, warnings, infos, tiers, held, kept_steps: 0, evaluated_steps: 0, cost: Cost::default() }
    }
}

/// The values of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// One number.
    Scalar(Timestamp, f64),
    /// One text.
    String(Timestamp, String),
    /// A value per series, all at one time.
    Vector(Vec<Sample>),
    /// Values over time per series, sorted by labels.
    Matrix(Vec<Line>),
}

impl Data {
    /// About the bytes that its text takes.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::Scalar(..) => FLOAT_BYTES,
            Self::String(_, text) => text.len(),
            Self::Vector(samples) => {
                samples.iter().map(|sample| sample.labels.heap_bytes() + sample.value.text_bytes()).sum()
            }
            Self::Matrix(lines) => lines.iter().map(Line::text_bytes).sum(),
        }
    }
}

/// The text of a time and a number; and of a bucket of a distribution.
const FLOAT_BYTES: usize = 30;
const BIN_BYTES: usize = 60;

fn histogram_bytes(histogram: &Histogram) -> usize {
    FLOAT_BYTES * 2 + histogram.heap_bytes() / 16 * BIN_BYTES
}

impl Point {
    fn text_bytes(&self) -> usize {
        match self {
            Self::Float(_) => FLOAT_BYTES,
            Self::Histogram(histogram) => histogram_bytes(histogram),
        }
    }
}

impl Line {
    /// The bytes that it takes beside itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        let histograms = self.histograms.iter().map(|(_, one)| size_of::<Histogram>() + one.heap_bytes());
        self.labels.heap_bytes() + self.floats.len() * size_of::<(Timestamp, f64)>() + histograms.sum::<usize>()
    }

    fn text_bytes(&self) -> usize {
        let histograms: usize = self.histograms.iter().map(|(_, histogram)| histogram_bytes(histogram)).sum();
        self.labels.heap_bytes() + self.floats.len() * FLOAT_BYTES + histograms
    }
}

/// One series' value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The series.
    pub labels: LabelSet,
    /// Its time.
    pub time: Timestamp,
    /// Its value at that time.
    pub value: Point,
}

/// A number or a distribution.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    /// A number.
    Float(f64),
    /// A distribution.
    Histogram(Box<Histogram>),
}

impl From<f64> for Point {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

/// One series' values over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The series.
    pub labels: LabelSet,
    /// Its numbers, in order of time.
    pub floats: Vec<(Timestamp, f64)>,
    /// Its distributions, in order of time.
    pub histograms: Vec<(Timestamp, Box<Histogram>)>,
}
