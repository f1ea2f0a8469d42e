//! Answers: values of series, at one time or over time.

use weir_sample::{Sketch, Timestamp};
use weir_store::Tier;

use crate::labels::LabelSet;

/// The answer to a query: values, warnings, tiers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The values.
    pub data: Data,
    /// Sentences for the person who asked.
    pub warnings: Vec<String>,
    /// The tiers of storage that were read; empty if none was.
    pub tiers: Vec<Tier>,
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
    Sketch(Box<Sketch>),
}

/// One series' values over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The series.
    pub labels: LabelSet,
    /// Its numbers, in order of time.
    pub floats: Vec<(Timestamp, f64)>,
    /// Its distributions, in order of time.
    pub sketches: Vec<(Timestamp, Box<Sketch>)>,
}
