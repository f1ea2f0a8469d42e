//! Samples with times and totals of their own: stored as they are, and once, however often they come.

use weir_queue::{Lane, Record, RecordKind};
use weir_sample::{Kind, Series, Timestamp};
use weir_sink::{AdmissionConfig, Imported};
use weir_wire::{AgentId, Epoch};

use crate::bench::{Bench, START, on_host};

fn append(bench: &Bench, samples: &[(&str, Kind, i64, f64)]) {
    let of = |&(name, kind, at_s, value): &(&str, Kind, i64, f64)| {
        let time = Timestamp::from_secs(START + at_s);
        Imported { series: on_host(name), kind, time, value }
    };
    let (payloads, left_out) = Imported::encode(samples.iter().map(of).collect(), 100_000);
    assert_eq!(left_out, 0);
    for payload in &payloads {
        let (agent, epoch, received) = (AgentId([0; 16]), Epoch(0), Timestamp::from_secs(START));
        bench
            .log
            .append(&[Record {
                kind: RecordKind::Samples,
                lane: Lane::Normal,
                tenant: 0,
                agent,
                epoch,
                seq: 0,
                received,
                payload,
            }])
            .unwrap();
    }
}

#[test]
fn samples_are_stored_as_they_are_in_any_order_and_once() {
    let mut bench = Bench::new();
    let samples =
        [("jobs_total", Kind::Counter, 30, 9.0), ("jobs_total", Kind::Counter, 10, 5.0), ("t", Kind::Gauge, 20, -0.5)];
    append(&bench, &samples);
    bench.drain();
    bench.sink.checkpoint().unwrap();
    append(&bench, &samples);
    append(&bench, &[("jobs_total", Kind::Counter, 20, 7.0)]);
    bench.drain();
    let mut bench = bench.crash();
    bench.drain();
    assert_eq!(bench.samples("jobs_total"), (vec![10, 20, 30], vec![5.0, 7.0, 9.0]));
    assert_eq!(bench.samples("t"), (vec![20], vec![-0.5]));
}

#[test]
fn every_float_comes_to_the_bit() {
    let mut bench = Bench::new();
    let values = [f64::from_bits(0x7ff0_0000_0000_0002), f64::NEG_INFINITY, -0.0, 1e-300];
    let samples: Vec<_> = (1..).zip(values).map(|(at, value)| ("odd", Kind::Counter, at, value)).collect();
    append(&bench, &samples);
    bench.drain();
    let (_, found) = bench.samples("odd");
    assert_eq!(found.into_iter().map(f64::to_bits).collect::<Vec<_>>(), values.map(f64::to_bits));
}

#[test]
fn what_is_over_the_tenants_limit_is_left_out_and_counted() {
    let mut bench = Bench::new();
    bench.sink.admission().set(AdmissionConfig { max_tenant_series: 1, ..AdmissionConfig::default() });
    append(&bench, &[("a", Kind::Gauge, 10, 1.0), ("b", Kind::Gauge, 10, 1.0), ("a", Kind::Gauge, 20, 2.0)]);
    bench.drain();
    assert_eq!(bench.samples("a"), (vec![10, 20], vec![1.0, 2.0]));
    assert_eq!(bench.samples("b").0, [0i64; 0]);
    assert_eq!(bench.reading("weir_sink_dropped_total"), 1.0);
}

#[test]
fn a_series_whose_labels_fit_no_record_is_told() {
    let long: String = (0..2_000).map(|at| (at * 7_919 % 10_007).to_string()).collect();
    let series = Series::new("x", [("long", long.as_str())]);
    let short = Series::new("x", [("long", "y")]);
    let of = |series| Imported { series, kind: Kind::Gauge, time: Timestamp(1), value: 1.0 };
    let (payloads, left_out) = Imported::encode(vec![of(series), of(short)], 200);
    assert_eq!((payloads.len(), left_out), (1, 1));
}
