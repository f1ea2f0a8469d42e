//! Prometheus remote write 1.0 and, for reading, 2.0: snappy-compressed protobuf requests. They are written from the messages here, and read
//! without them: a message of two bytes costs a decoder a hundred.

mod exemplar;
mod histogram;
mod read;
mod request;
mod second;

use prost::Message;
use weir_sample::Series;

use crate::protobuf::Malformed;

pub use exemplar::read_exemplar;
pub use histogram::read_histogram;
pub use read::{ReadMatcher, ReadQuery, ReadRequest, ReadResponse, ReadResult};
pub use request::{Entries, Entry, Request, Unpacked, read_label};
pub use second::{SECOND, SecondEntry, SecondRequest};

/// The label that holds the metric's name.
pub const NAME: &str = "__name__";

/// What one request may be unpacked: Prometheus' own are a few hundred kilobytes.
pub const MOST_BYTES: usize = 24 << 20;

/// What one request may have. Prometheus sends 2,000 samples at once, others up to 10,000.
pub const MOST_SERIES: u64 = 100_000;
/// See [`MOST_SERIES`].
pub const MOST_SAMPLES: u64 = 250_000;
/// See [`MOST_SERIES`].
pub const MOST_METADATA: u64 = 100_000;

/// Labels that one request may have, each counted once however often it is there.
pub const MOST_DISTINCT_LABELS: usize = 400_000;

/// Samples of some series, and what the metrics are.
#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    /// Series and their samples.
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
    /// What some metrics are.
    #[prost(message, repeated, tag = "3")]
    pub metadata: Vec<MetricMetadata>,
}

/// One series with its samples.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    /// Its labels, the metric's name among them.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// Its samples.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Native histograms, each a message of its own.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub histograms: Vec<Vec<u8>>,
}

/// One label; the metric's name is `__name__`.
#[derive(Clone, PartialEq, Message)]
pub struct Label {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// One value and its time in milliseconds.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Sample {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// What a metric is.
#[derive(Clone, PartialEq, Message)]
pub struct MetricMetadata {
    /// 1 is a counter, 2 a gauge.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// The metric's name.
    #[prost(string, tag = "2")]
    pub metric_family_name: String,
    /// A sentence about it.
    #[prost(string, tag = "4")]
    pub help: String,
    /// Its unit.
    #[prost(string, tag = "5")]
    pub unit: String,
}

/// Why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not compressed as it must be.
    #[error("it is not snappy-compressed: {0}")]
    Snappy(#[from] snap::Error),
    /// It is over a limit.
    #[error("it has more than {1} {0}: send smaller requests")]
    TooMuch(&'static str, u64),
    /// What it unfolds to is something else.
    #[error("it is no remote-write request: {0}")]
    Protobuf(&'static str),
}

impl From<Malformed> for Refused {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Protobuf(what)
    }
}

impl WriteRequest {
    /// The request as it is sent.
    pub fn write(&self) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(&self.encode_to_vec()).expect("a request is below 4 GiB")
    }
}

impl TimeSeries {
    /// A series without samples.
    pub fn named(series: &Series) -> Self {
        let label = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
        let labels = std::iter::once(label(NAME, series.name()));
        let labels = labels.chain(series.labels().map(|(name, value)| label(name, value))).collect();
        Self { labels, ..Self::default() }
    }
}
