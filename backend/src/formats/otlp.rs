//! OpenTelemetry's metrics over HTTP: `ExportMetricsServiceRequest`, one metric for each run of series of one name.
//!
//! Fields: github.com/open-telemetry/opentelemetry-proto, metrics/v1/metrics.proto. Counters are cumulative monotonic sums.

use weir_sample::Kind;

use super::body::Body;
use super::pen::{bytes, double, message, number};
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

/// How many points a receiver did not take, and why, as its answer says.
pub(crate) fn rejected(answer: &[u8]) -> Option<(u64, String)> {
    let partial = field(answer, 1)?.1;
    let (count, _) = field(partial, 1)?;
    let reason = field(partial, 2).map(|(_, text)| String::from_utf8_lossy(text).into_owned());
    (count > 0).then(|| (count, reason.unwrap_or_default()))
}

/// The first field of a number, as a number and as bytes.
fn field(mut bytes: &[u8], wanted: u64) -> Option<(u64, &[u8])> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = varint(&mut bytes)?;
        let inner = match key & 7 {
            0 => &[],
            2 => {
                let (inner, rest) = bytes.split_at_checked(value as usize)?;
                bytes = rest;
                inner
            }
            _ => return None,
        };
        if key >> 3 == wanted {
            return Some((value, inner));
        }
    }
    None
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::item;

    #[test]
    fn series_of_a_name_are_one_metric() {
        let items =
            [item("a", &[("k", "1")], &[(1, 1.0)]), item("a", &[("k", "2")], &[(1, 2.0)]), item("b", &[], &[(1, 3.0)])];
        let body = request(&items);
        let scope = field(field(&body.bytes, 1).unwrap().1, 2).unwrap().1;
        let (_, first) = field(scope, 2).unwrap();
        assert_eq!(field(first, 1).unwrap().1, b"a");
        let (_, gauge) = field(first, 5).unwrap();
        assert_eq!(gauge.windows(1).filter(|at| at == b"k").count(), 2);
        assert_eq!(scope.windows(3).filter(|at| *at == [10, 1, b'b']).count(), 1);
    }

    #[test]
    fn what_was_rejected_is_read() {
        let mut partial = Vec::new();
        number(&mut partial, 1, 300);
        bytes(&mut partial, 2, b"too old");
        let mut answer = Vec::new();
        bytes(&mut answer, 1, &partial);
        assert_eq!(rejected(&answer), Some((300, "too old".into())));
        assert_eq!(rejected(&[]), None);
        (0..answer.len()).for_each(|end| _ = rejected(&answer[..end]));
    }
}
