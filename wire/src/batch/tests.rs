//! Properties of the batch codec.

use proptest::prelude::*;
use weir_sample::{Distinct, Histogram, Series, Timestamp, Value, Window};

use super::{Batch, Decoder, Encoder, Totals, Values, decode};

fn batch(points: Vec<(Series, Value)>) -> Batch {
    let mut points = points;
    points.sort_by(|a, b| a.0.cmp(&b.0));
    points.dedup_by(|a, b| a.0 == b.0);
    let totals = Totals { sealed_batches: 7, dropped_samples: 300, ..Totals::default() };
    Batch { window: Window::ending(Timestamp(1_700_000_010_000), 10_000), totals, points }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u64>().prop_map(|bits| Value::Gauge(f64::from_bits(bits))),
        (0..1_000_000i64).prop_map(|count| Value::Counter(count as f64)),
        (0..100_000i64).prop_map(|hundredths| Value::Gauge(hundredths as f64 / 100.0)),
        prop::collection::vec((-1e3..1e6f64, 0.1..20.0f64), 1..40).prop_map(|values| {
            let mut histogram = Histogram::new();
            values.iter().for_each(|&(value, weight)| histogram.insert_weighted(value, weight));
            Value::Distribution(Box::new(histogram))
        }),
        (1..400u32).prop_map(|members| {
            let mut set = Distinct::new();
            (0..members).for_each(|member| set.insert(&member.to_le_bytes()));
            Value::Set(Box::new(set))
        }),
    ]
}

fn any_series() -> impl Strategy<Value = Series> {
    let labels = prop::collection::vec(("[a-c]{1,2}", ".{0,6}"), 0..4);
    ("[a-z_]{1,8}", labels).prop_map(|(name, labels)| {
        Series::new(&name, labels.iter().map(|(n, v)| (n.as_str(), v.as_str()))).with_label("host", "web-1")
    })
}

/// Equal including the bits of NaN.
fn same(a: &Batch, b: &Batch) -> bool {
    let value = |value: &Value| match value {
        Value::Gauge(v) | Value::Counter(v) => Err(v.to_bits()),
        other => Ok(other.clone()),
    };
    let points =
        |batch: &Batch| -> Vec<_> { batch.points.iter().map(|(s, v)| (s.clone(), v.kind(), value(v))).collect() };
    a.window == b.window && a.totals == b.totals && points(a) == points(b)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_decoded_is_what_was_encoded(points in prop::collection::vec((any_series(), any_value()), 0..30)) {
        let batch = batch(points);
        let (payloads, left_out) = Encoder::new().encode(&batch, usize::MAX);
        prop_assert_eq!((payloads.len(), left_out), (1, 0));
        let decoded = decode(&payloads[0]).unwrap();
        prop_assert!(same(&decoded, &batch), "{decoded:?}\n{batch:?}");
    }

    #[test]
    fn slices_fit_and_merge_to_the_whole(points in prop::collection::vec((any_series(), any_value()), 1..30)) {
        let batch = batch(points);
        let (payloads, left_out) = Encoder::new().encode(&batch, 1_142);
        prop_assert_eq!(left_out, 0);
        let mut merged: Vec<(Series, Value)> = Vec::new();
        for payload in payloads {
            prop_assert!(payload.len() <= 1_142);
            for (series, value) in decode(&payload).unwrap().points {
                match merged.last_mut() {
                    Some((last, whole)) if *last == series => whole.merge(value),
                    _ => merged.push((series, value)),
                }
            }
        }
        prop_assert_eq!(merged.len(), batch.points.len());
        for ((series, value), (expected_series, expected)) in merged.iter().zip(&batch.points) {
            prop_assert_eq!(series, expected_series);
            match (value, expected) {
                (Value::Distribution(got), Value::Distribution(expected)) => {
                    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
                    prop_assert!(close(got.count(), expected.count()) && close(got.sum(), expected.sum()));
                    prop_assert!(got.buckets().eq(expected.buckets()));
                }
                (Value::Gauge(got), Value::Gauge(expected)) => prop_assert_eq!(got.to_bits(), expected.to_bits()),
                (got, expected) => prop_assert_eq!(got, expected),
            }
        }
    }

    #[test]
    fn nothing_makes_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn damaged_batches_are_decoded_or_refused(
        points in prop::collection::vec((any_series(), any_value()), 1..10),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut payload = Encoder::new().encode(&batch(points), usize::MAX).0.remove(0);
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        let _ = decode(&payload);
    }
}

#[test]
fn a_known_layout_keeps_its_id_and_needs_no_keys() {
    let points = |value: f64| {
        vec![(Series::new("a", [("host", "x")]), Value::Gauge(value)), (Series::named("b"), Value::Counter(1.0))]
    };
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let first = encoder.encode(&batch(points(1.0)), 1_142).0.remove(0);
    let second = encoder.encode(&batch(points(2.5)), 1_142).0.remove(0);
    let head = decoder.head(&first).unwrap();
    let layout = decoder.layout(&head).unwrap();
    let again = decoder.head(&second).unwrap();
    assert_eq!(again.layout_id, layout.id);
    let mut values = Values::default();
    decoder.values(&again, &layout.kinds, &mut values).unwrap();
    assert_eq!(values.floats, [2.5, 1.0]);
}

#[test]
fn a_section_that_unpacks_to_too_much_is_refused() {
    let (payloads, _) = Encoder::new().encode(&batch(vec![]), usize::MAX);
    let mut input = crate::bytes::Input(&payloads[0]);
    input.varint().unwrap();
    let mut bomb = payloads[0][..payloads[0].len() - input.0.len()].to_vec();
    crate::bytes::put_varint(&mut bomb, 10_000);
    Totals::default().put(&mut bomb);
    crate::bytes::put_varint(&mut bomb, 10);
    bomb.push(1);
    crate::bytes::put_varint(&mut bomb, 1 << 40);
    bomb.extend([0; 8]);
    assert_eq!(decode(&bomb), Err(crate::DecodeError::TooLarge));
}

#[test]
fn a_point_that_fits_no_datagram_is_counted() {
    let series = Series::new("x", [("label", "v".repeat(2_000).as_str()), ("other", "ab")]);
    let mut chance = 1u64;
    let mut letter = |_| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(33 + (chance >> 57) as u8 % 90)
    };
    let random: String = (0..2_000).map(&mut letter).collect();
    let long = Series::new("y", [("label", random.as_str())]);
    let (payloads, left_out) =
        Encoder::new().encode(&batch(vec![(long, Value::Gauge(1.0)), (series, Value::Gauge(2.0))]), 1_142);
    assert_eq!((payloads.len(), left_out), (1, 1));
}

#[test]
fn a_crowded_batch_loses_nothing() {
    let point = |at: u32| {
        let series = Series::new(&format!("jobs_{}", at % 50), [("worker", format!("w{at}").as_str()), ("host", "a")]);
        (series, Value::Counter(f64::from(at)))
    };
    let whole = batch((0..4_000).map(point).collect());
    let (payloads, left_out) = Encoder::new().encode(&whole, 1_142);
    assert!(left_out == 0 && payloads.iter().all(|payload| payload.len() <= 1_142));
    // Full enough that splitting unseen does not double the datagrams.
    assert!(payloads.len() < 40, "{}", payloads.len());
    let points = payloads.iter().flat_map(|payload| decode(payload).unwrap().points).collect();
    assert!(same(&Batch { points, ..batch(vec![]) }, &whole));
}
