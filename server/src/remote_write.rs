//! Prometheus remote write 1.0: the messages, and the snappy that they come in. Fields that are not named here are passed
//! over, as protobuf has it.

use weir_sample::Series;

/// What one request carries.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    pub metadata: Vec<Metadata>,
}

/// Samples of one series.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Native histograms, undecoded.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub histograms: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Label {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Sample {
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// What the series of a metric are.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Metadata {
    /// 1 counter, 2 gauge, 3 histogram, 5 summary.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    #[prost(string, tag = "2")]
    pub family: String,
}

/// Label that holds a series' name.
pub(crate) const NAME: &str = "__name__";

impl TimeSeries {
    /// A series without samples.
    pub(crate) fn named(series: &Series) -> Self {
        let label = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
        let labels = std::iter::once(label(NAME, series.name()));
        let labels = labels.chain(series.labels().map(|(name, value)| label(name, value))).collect();
        Self { labels, ..Self::default() }
    }
}
