//! OpenTelemetry's metrics over HTTP: `ExportMetricsServiceRequest`, one metric for each run of series of one name.
//!
//! Fields: github.com/open-telemetry/opentelemetry-proto, metrics/v1/metrics.proto. Counters are cumulative monotonic sums.

use weir_formats::pen::{bytes, double, message, number};
use weir_sample::Kind;

use super::body::Body;
use crate::request::Item;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// A request.
pub(super) fn request(items: &[Item]) -> Body {
    let mut out = Vec::with_capacity(items.len() * 200);
    message(&mut out, 1, |out| {
        message(out, 1, |out| {
            message(out, 1, |out| attribute(out, "service.name", "weir"));
        });
        message(out, 2, |out| {
            for same in items.chunk_by(|a, b| a.series.name() == b.series.name() && a.kind == b.kind) {
                message(out, 2, |out| metric(out, same));
            }
        });
    });
    Body { bytes: out, headers: &[("content-type", "application/x-protobuf")], query: String::new() }
}

fn metric(out: &mut Vec<u8>, items: &[Item]) {
    bytes(out, 1, items[0].series.name().as_bytes());
    let points = |out: &mut Vec<u8>| {
        for item in items {
            for (time, value) in item.times.iter().zip(&item.values) {
                message(out, 1, |out| {
                    fixed(out, 3, (*time).max(0) as u64 * 1_000_000);
                    double(out, 4, *value);
                    for (label, text) in item.series.labels() {
                        message(out, 7, |out| attribute(out, label, text));
                    }
                });
            }
        }
    };
    if items[0].kind == Kind::Counter {
        message(out, 7, |out| {
            points(out);
            number(out, 2, CUMULATIVE);
            number(out, 3, 1);
        });
    } else {
        message(out, 5, points);
    }
}

fn attribute(out: &mut Vec<u8>, key: &str, value: &str) {
    bytes(out, 1, key.as_bytes());
    message(out, 2, |out| bytes(out, 1, value.as_bytes()));
}

fn fixed(out: &mut Vec<u8>, field: u8, value: u64) {
    out.push(field << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::item;

    /// Bytes of a message in hand-made protobuf.
    fn inner(field: u32, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        message(&mut out, field, write);
        out
    }

    #[test]
    fn series_of_a_name_are_one_metric() {
        let items =
            [item("a", &[("k", "1")], &[(1, 1.0)]), item("a", &[("k", "2")], &[(1, 2.0)]), item("b", &[], &[(1, 3.0)])];
        let point = |out: &mut Vec<u8>, value: f64, label: Option<&str>| {
            message(out, 1, |out| {
                fixed(out, 3, 1_000_000);
                double(out, 4, value);
                label.into_iter().for_each(|label| message(out, 7, |out| attribute(out, "k", label)));
            });
        };
        let expected = [
            inner(2, |out| {
                bytes(out, 1, b"a");
                message(out, 5, |out| {
                    point(out, 1.0, Some("1"));
                    point(out, 2.0, Some("2"));
                });
            }),
            inner(2, |out| {
                bytes(out, 1, b"b");
                message(out, 5, |out| point(out, 3.0, None));
            }),
        ]
        .concat();
        let body = request(&items);
        assert!(body.bytes.ends_with(&expected), "{:?}", body.bytes);
    }
}
