//! Prometheus remote write 1.0: snappy-compressed protobuf requests.

use prost::Message;
use weir_sample::{Kind, Series};

/// The label that holds the metric's name.
const NAME: &str = "__name__";

/// What one request may unfold to: Prometheus' own are a few hundred kilobytes.
const MOST_BYTES: usize = 256 << 20;

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
    /// Native histograms, of which only the number is looked at.
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
}

/// Why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not compressed as it must be.
    #[error("it is not snappy-compressed: {0}")]
    Snappy(#[from] snap::Error),
    /// It would take too much memory.
    #[error("it unfolds to more than {} MiB", MOST_BYTES >> 20)]
    TooLarge,
    /// What it unfolds to is something else.
    #[error("it is no remote-write request: {0}")]
    Protobuf(#[from] prost::DecodeError),
}

impl WriteRequest {
    /// Reads a request as it is sent.
    pub fn read(compressed: &[u8]) -> Result<Self, Refused> {
        if snap::raw::decompress_len(compressed)? > MOST_BYTES {
            return Err(Refused::TooLarge);
        }
        Ok(Self::decode(&*snap::raw::Decoder::new().decompress_vec(compressed)?)?)
    }

    /// The request as it is sent.
    pub fn write(&self) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(&self.encode_to_vec()).expect("a request is below 4 GiB")
    }

    /// What the series of a name are: as the metadata say, else as the name ends.
    pub fn kind_of(&self, name: &str) -> Kind {
        let said = self.metadata.iter().find(|metadata| metadata.metric_family_name == name);
        let counter = match said {
            Some(metadata) => metadata.kind == 1,
            None => ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end)),
        };
        if counter { Kind::Counter } else { Kind::Gauge }
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

    /// Name and labels. `None`: it has no name.
    pub fn series(&self) -> Option<Series> {
        let name = self.labels.iter().find(|label| label.name == NAME)?;
        let labels = self.labels.iter().filter(|label| label.name != NAME);
        Some(Series::new(&name.value, labels.map(|label| (label.name.as_str(), label.value.as_str()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_refused() {
        assert!(matches!(WriteRequest::read(b"\xff\xff\xff\xff\xff\xff"), Err(Refused::Snappy(_))));
        assert!(matches!(WriteRequest::read(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]), Err(Refused::TooLarge)));
        let text = snap::raw::Encoder::new().compress_vec(b"up 1 2").unwrap();
        assert!(matches!(WriteRequest::read(&text), Err(Refused::Protobuf(_))));
    }

    #[test]
    fn the_kind_is_what_the_metadata_say_or_the_name() {
        let metadata = vec![MetricMetadata { kind: 2, metric_family_name: "seats_total".into() }];
        let request = WriteRequest { timeseries: Vec::new(), metadata };
        assert_eq!(WriteRequest::read(&request.write()).unwrap(), request);
        assert_eq!((request.kind_of("seats_total"), request.kind_of("jobs_total")), (Kind::Gauge, Kind::Counter));
        assert_eq!(request.kind_of("temperature"), Kind::Gauge);
    }
}
