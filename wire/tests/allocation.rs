//! What bytes from outside can make a decoder allocate, and what the steady state allocates: nothing.

use allocation_counter::measure;
use proptest::prelude::*;
use weir_sample::{Histogram, Kind, Series, Timestamp, Value, Window};
use weir_wire::{
    AgentId, Batch, DatagramKind, Decoder, Encoder, Epoch, FleetKey, Header, SessionKeys, Totals, Values, decode, open,
    seal,
};

/// The most a batch may make a decoder hold at once, whatever its sender has sealed. Plain sections are bounded to
/// 1 MiB; the worst that can stand in them unfolds about thirtyfold.
const MOST_BYTES: u64 = 40 << 20;

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A payload with these sections, stored plain.
fn payload(keys: &[u8], values: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, 1_800_000_000_000);
    varint(&mut out, 10_000);
    out.extend(Totals::default().encode());
    varint(&mut out, keys.len() as u64 + 1);
    out.push(0);
    out.extend_from_slice(keys);
    out.push(0);
    out.extend_from_slice(values);
    out
}

/// Decoded by both ways, with whatever the head says.
fn most_bytes(payload: &[u8]) -> u64 {
    let by_position = measure(|| {
        let mut decoder = Decoder::new();
        let Ok(head) = decoder.head(payload) else { return };
        let kinds = decoder.layout(&head).map_or_else(|_| vec![Kind::Distribution; 9], |layout| layout.kinds);
        let _ = decoder.values(&head, &kinds, &mut Values::default());
    });
    by_position.bytes_max.max(measure(|| drop(decode(payload))).bytes_max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_sections_allocate_within_their_bound(
        keys in prop::collection::vec(any::<u8>(), 0..4_000),
        values in prop::collection::vec(any::<u8>(), 0..4_000),
    ) {
        prop_assert!(most_bytes(&payload(&keys, &values)) <= 1 << 20);
    }

    #[test]
    fn counts_that_lie_allocate_within_their_bound(
        numbers in prop::collection::vec(prop_oneof![0..4u64, any::<u64>(), Just(u64::MAX), Just(1 << 20)], 1..50),
        tail in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut keys = Vec::new();
        numbers.iter().for_each(|number| varint(&mut keys, *number));
        keys.extend(tail);
        prop_assert!(most_bytes(&payload(&keys, &keys)) <= 1 << 20);
    }
}

#[test]
fn the_worst_sections_allocate_within_their_bound() {
    let check = |what: &str, keys: &[u8]| {
        let bytes = most_bytes(&payload(keys, &[]));
        assert!(bytes <= MOST_BYTES, "{what}: {bytes} bytes from {}", keys.len());
    };
    let many = |count: u64, each: &[u8]| {
        let mut keys = vec![0];
        varint(&mut keys, count);
        (0..count).for_each(|_| keys.extend_from_slice(each));
        keys
    };
    check("shapes", &many(65_536, &[0, 1, b'x', 0]));
    check("shapes over the limit", &many(262_000, &[0, 1, b'x', 0]));
    check("shapes with labels", &many(60_000, &[0, 1, b'x', 2, 1, b'a', 1, b'b']));
    let mut heavy = vec![1, 1, b'h'];
    varint(&mut heavy, 500_000);
    heavy.extend(vec![b'v'; 500_000]);
    heavy.extend_from_slice(&many(65_536, &[0, 1, b'x', 0])[1..]);
    check("a heavy common label in every shape", &heavy);
    let mut one_shape = vec![0, 1, 0, 1, b'x', 1, 1, b'a', 1, 0];
    varint(&mut one_shape, 65_536);
    varint(&mut one_shape, 1);
    let long = vec![b'v'; 20_000];
    varint(&mut one_shape, long.len() as u64);
    one_shape.extend(&long);
    one_shape.extend(vec![0; 65_536]);
    check("one long value for every series", &one_shape);
}

#[test]
fn the_steady_state_allocates_nothing() {
    let series = |name: &str| Series::new(name, [("host", "web-1"), ("route", "/")]);
    let points = vec![(series("a_total"), Value::Counter(3.0)), (series("b_bytes"), Value::Gauge(0.125))];
    let window = Window::ending(Timestamp(1_800_000_000_000), 10_000);
    let payload = Encoder::new().encode(&Batch { window, totals: Totals::default(), points }, 1_142).0.remove(0);
    let session = FleetKey { id: 1, secret: [2; 32] }.session(3, AgentId([4; 16]), 5);
    let keys = SessionKeys::new(&session);
    let header = Header {
        kind: DatagramKind::Batch,
        ack_wanted: true,
        dictionary: 1,
        key_id: 1,
        tenant: 3,
        expires: 5,
        agent: session.agent,
        epoch: Epoch(6),
        seq: 7,
    };
    let (mut decoder, mut values, mut sealed) = (Decoder::new(), Values::default(), Vec::new());
    let mut turn = || {
        seal(&header, &payload, &keys, &mut sealed);
        let head = decoder.head(open(&mut sealed, &keys).unwrap()).unwrap();
        decoder.values(&head, &[Kind::Counter, Kind::Gauge], &mut values).unwrap();
    };
    turn();
    assert_eq!(measure(turn).count_total, 0);
}

#[test]
fn a_batch_too_large_for_one_payload_is_split_until_its_receiver_takes_it() {
    let mut histogram = Histogram::new();
    (1..1_500).for_each(|n| histogram.insert_weighted(1.02f64.powi(n), 1.7 + f64::from(n) / 7.0));
    let histograms =
        (0..300).map(|n| (Series::named(&format!("latency_{n}")), Value::Distribution(Box::new(histogram.clone()))));
    let labels = (0..600).map(|n| (Series::new("x", [(format!("label_{n}").as_str(), "v")]), Value::Gauge(1.0)));
    let many = (0..70_000).map(|n| (Series::new("y", [("n", format!("{n}").as_str())]), Value::Gauge(1.0)));
    let check = |mut points: Vec<(Series, Value)>, payloads_at_least: usize| {
        points.sort_by(|a, b| a.0.cmp(&b.0));
        let window = Window::ending(Timestamp(1_800_000_000_000), 10_000);
        let batch = Batch { window, totals: Totals::default(), points };
        let (payloads, left_out) = Encoder::quick(4).encode(&batch, usize::MAX);
        assert!(payloads.len() >= payloads_at_least && left_out == 0, "{} payloads", payloads.len());
        let decoded: Vec<_> = payloads.iter().flat_map(|payload| decode(payload).unwrap().points).collect();
        assert!(decoded == batch.points, "something is missing");
    };
    check(histograms.collect(), 2);
    check(labels.collect(), 3);
    check(many.collect(), 2);
}
