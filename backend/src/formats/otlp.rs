//! OpenTelemetry's metrics over HTTP: `ExportMetricsServiceRequest`, one metric for each run of series of one name.
//!
//! Fields: github.com/open-telemetry/opentelemetry-proto, metrics/v1/metrics.proto. Counters are cumulative monotonic sums.

use weir_formats::pen::{bytes, double, message, number, varint, zigzag};
use weir_sample::{Kind, Parts, ResetHint, STALE};

use super::body::Body;
use crate::request::Item;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// `DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`: the series has ended.
const NO_VALUE: u64 = 1;

/// A request.
pub(super) fn request(items: &[Item]) -> Body {
    let mut out = Vec::with_capacity(items.len() * 200);
    message(&mut out, 1, |out| {
        message(out, 1, |out| {
            message(out, 1, |out| attribute(out, "service.name", "weir"));
        });
        message(out, 2, |out| {
            for same in items.chunk_by(is_same_metric) {
                message(out, 2, |out| metric(out, same));
            }
        });
    });
    Body { bytes: out, headers: &[("content-type", "application/x-protobuf")], query: String::new() }
}

fn is_same_metric(one: &Item, other: &Item) -> bool {
    one.series.name() == other.series.name() && one.kind == other.kind && has_own_bounds(one) == has_own_bounds(other)
}

fn metric(out: &mut Vec<u8>, items: &[Item]) {
    bytes(out, 1, items[0].series.name().as_bytes());
    match items[0].kind {
        Kind::Counter => message(out, 7, |out| {
            items.iter().for_each(|item| numbers(out, item));
            number(out, 2, CUMULATIVE);
            number(out, 3, 1);
        }),
        Kind::Distribution if has_own_bounds(&items[0]) => message(out, 9, |out| {
            items.iter().for_each(|item| histograms(out, item, 9, explicit));
            number(out, 2, CUMULATIVE);
        }),
        Kind::Distribution => message(out, 10, |out| {
            items.iter().for_each(|item| histograms(out, item, 1, exponential));
            number(out, 2, CUMULATIVE);
        }),
        _ => message(out, 5, |out| items.iter().for_each(|item| numbers(out, item))),
    }
}

/// One that says only that its series has ended has no bounds: the last that has is asked.
fn has_own_bounds(item: &Item) -> bool {
    item.histograms().any(|(_, histogram)| histogram.has_own_bounds())
}

fn numbers(out: &mut Vec<u8>, item: &Item) {
    for (time, value) in item.floats() {
        message(out, 1, |out| {
            fixed(out, 3, nanos(time));
            if value.to_bits() == STALE.to_bits() {
                number(out, 8, NO_VALUE);
            } else {
                double(out, 4, value);
            }
            item.series.labels().for_each(|(label, text)| message(out, 7, |out| attribute(out, label, text)));
        });
    }
}

/// Data points of histograms. Those whose counts go up and down have no place in OTLP.
fn histograms(out: &mut Vec<u8>, item: &Item, attributes: u32, rest: fn(&mut Vec<u8>, &Parts)) {
    for (time, histogram) in item.histograms().filter(|(_, histogram)| histogram.hint() != ResetHint::Gauge) {
        message(out, 1, |out| {
            fixed(out, 3, nanos(time));
            item.series.labels().for_each(|(label, text)| message(out, attributes, |out| attribute(out, label, text)));
            if histogram.sum().to_bits() == STALE.to_bits() {
                return number(out, 10, NO_VALUE);
            }
            double(out, 5, histogram.sum());
            rest(out, &histogram.parts());
        });
    }
}

/// Counts between bounds; the last is of what is above all.
fn explicit(out: &mut Vec<u8>, parts: &Parts) {
    let mut counts = vec![0_u64; parts.bounds.len() + 1];
    for (index, count) in &parts.positive {
        if let Some(place) = usize::try_from(*index).ok().and_then(|index| counts.get_mut(index)) {
            *place = count.round() as u64;
        }
    }
    fixed(out, 4, counts.iter().sum());
    bytes(out, 6, &counts.iter().flat_map(|count| count.to_le_bytes()).collect::<Vec<u8>>());
    bytes(out, 7, &parts.bounds.iter().flat_map(|bound| bound.to_le_bytes()).collect::<Vec<u8>>());
}

fn exponential(out: &mut Vec<u8>, parts: &Parts) {
    let whole = |buckets: &[(i32, f64)]| buckets.iter().map(|(_, count)| count.round() as u64).sum::<u64>();
    let zero = parts.zero.round() as u64;
    fixed(out, 4, zero + whole(&parts.positive) + whole(&parts.negative));
    number(out, 6, zigzag(i64::from(parts.scale)));
    fixed(out, 7, zero);
    for (field, buckets) in [(8, &parts.positive), (9, &parts.negative)] {
        let Some((first, _)) = buckets.first() else { continue };
        let (mut counts, mut next) = (Vec::with_capacity(buckets.len()), *first);
        for (index, count) in buckets {
            // Those without any have a place.
            counts.extend(std::iter::repeat_n(0, (index - next).max(0) as usize));
            varint(&mut counts, count.round() as u64);
            next = index + 1;
        }
        message(out, field, |out| {
            // OpenTelemetry's bucket is above `base^i`, Prometheus' ends there.
            number(out, 1, zigzag(i64::from(*first) - 1));
            bytes(out, 2, &counts);
        });
    }
    double(out, 14, parts.zero_threshold);
}

const fn nanos(time: i64) -> u64 {
    // Before 1970 there is no time in OTLP.
    if time < 0 { 0 } else { time as u64 * 1_000_000 }
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
    use weir_formats::Measured;
    use weir_formats::otlp::{Told, Translation};
    use weir_sample::{CUSTOM_BOUNDS, Histogram};
    use weir_store::Column;

    use super::*;
    use crate::request::tests::item;

    /// Bytes of a message in hand-made protobuf.
    fn inner(field: u32, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        message(&mut out, field, write);
        out
    }

    #[test]
    fn histograms_and_ends_are_read_as_what_they_are() {
        let mut histogram = Histogram::new();
        [0.0, 0.5, 0.51, 3.0, 3.0, -2.0].iter().for_each(|value| histogram.insert(*value));
        let exponential = Parts { hint: ResetHint::Unknown, ..histogram.parts() };
        let own = Parts {
            scale: CUSTOM_BOUNDS,
            zero: 0.0,
            zero_threshold: 0.0,
            count: 3.0,
            negative: Vec::new(),
            ..exponential.clone()
        };
        let own = Parts { bounds: vec![1.0, 2.0], positive: vec![(0, 2.0), (2, 1.0)], ..own };
        let of = |name: &str, parts: &Parts| Item {
            kind: Kind::Distribution,
            values: Column::Histograms(vec![parts.clone().histogram().unwrap()]),
            ..item(name, &[("k", "v")], &[(1_000, 0.0)])
        };
        let items = [of("d", &exponential), of("e", &own), item("g", &[], &[(2_000, STALE)])];
        let (mut found, mut floats) = (Vec::new(), Vec::new());
        weir_formats::otlp::read(&request(&items).bytes, &Translation::default(), |told| {
            let Told::Point(points) = told else { return };
            for point in points.iter() {
                match &point.value {
                    Measured::Histogram(histogram) => found.push((**histogram).clone()),
                    Measured::Float(value) => floats.push((point.name.to_string(), value.to_bits())),
                    Measured::Difference { .. } | Measured::Window { .. } => {}
                }
            }
        })
        .unwrap();
        assert_eq!(found, [exponential.histogram().unwrap()]);
        let cumulative =
            |bits: &[f64]| bits.iter().map(|value| ("e_bucket".to_owned(), value.to_bits())).collect::<Vec<_>>();
        let of_name = |name: &str| floats.iter().filter(|(found, _)| found == name).cloned().collect::<Vec<_>>();
        assert_eq!(of_name("e_bucket"), cumulative(&[2.0, 2.0, 3.0]));
        assert_eq!(of_name("g"), [("g".to_owned(), STALE.to_bits())]);
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
