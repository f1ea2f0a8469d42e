//! OpenTelemetry's metrics (OTLP): what an `ExportMetricsServiceRequest` says, in Prometheus' words. Requests of protobuf are
//! walked where they lie, and those of JSON are told as protobuf first, so that one reader reads both.
//!
//! Names and labels are translated as Prometheus does (`names.rs`), a histogram with explicit bounds becomes the classic series, an
//! exponential one a native histogram. A request that cannot be read says nothing at all; a data point that cannot be read or kept
//! costs itself and is told.

mod answer;
mod distribution;
mod exemplar;
pub mod grpc;
mod json;
mod labels;
mod names;
mod point;
mod request;
mod value;

pub use answer::{failure, partial_success, rejected};
pub use json::from_json;
pub use names::Strategy;
pub use request::read;

use weir_sample::Metadata;

use crate::protobuf::Malformed;
use crate::{Exemplar, Point};

/// Data points of one request.
pub const MOST_POINTS: u64 = 250_000;

/// Attributes of one data point, and of one resource.
pub const MOST_ATTRIBUTES: usize = 128;

/// How a request is translated.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    /// Attributes of resources that are put on every series of theirs.
    pub promoted: Vec<String>,
    /// What becomes of names.
    pub strategy: Strategy,
}

/// What a request says, piece by piece.
#[derive(Debug)]
pub enum Told<'a> {
    /// A data point: one series, or those of a classic histogram or a summary.
    Point(Vec<Point<'a>>),
    /// An exemplar, and a point of the series that it is of; `None`: one that cannot be read.
    Exemplar(Option<(Point<'a>, Exemplar<'a>)>),
    /// What a resource is: `target_info`.
    Resource(Point<'a>),
    /// What a metric says of itself: the name under which it is stored, and type, unit and description.
    Described(String, Metadata),
    /// A data point that says nothing that can be kept.
    LeftOut(LeftOut),
}

/// Why a data point is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It is a difference of what has no running total: a sum that may fall, an exponential histogram.
    Delta,
    /// It, or its resource, has more than [`MOST_ATTRIBUTES`].
    Attributes,
    /// Its buckets and bounds contradict each other, or its scale is none.
    Histogram,
    /// It has no value, or its metric no data.
    NoValue,
    /// It does not say whether it is a difference or a total.
    Temporality,
    /// It, its metric, its scope or its resource holds a byte of no UTF-8 or no protobuf.
    Unreadable,
    /// Its metric has the name of another one once it is translated.
    Mended,
}

/// Why a request cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none.
    #[error("it is no ExportMetricsServiceRequest: {0}")]
    Protobuf(&'static str),
    /// It is none, as JSON has them.
    #[error("it is no ExportMetricsServiceRequest of JSON: {0}")]
    Json(String),
    /// It is over a limit.
    #[error("it has more than {1} {0}: send smaller requests")]
    TooMuch(&'static str, u64),
}

impl From<Malformed> for Refused {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Protobuf(what)
    }
}

#[cfg(test)]
mod tests;
