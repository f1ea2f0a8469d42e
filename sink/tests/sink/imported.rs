//! Samples with times and totals of their own: stored as they are, and once, however often they come.

use weir_queue::RecordKind;
use weir_sample::{Histogram, Kind, Series, Timestamp, Value, Window};
use weir_sink::{AdmissionConfig, Labels, SampleWriter};
use weir_wire::{AgentId, Batch, Encoder, Totals};

use crate::bench::{Bench, START, on_host};

/// The records of some samples, each with its series.
pub(crate) fn records(samples: &[(Series, Kind, i64, f64)]) -> Vec<Vec<u8>> {
    let (mut labels, mut writer, mut own) = (Labels::default(), SampleWriter::default(), Vec::new());
    for (series, kind, time, value) in samples {
        let mut pairs = vec![labels.metric(b"", series.name(), *kind)];
        pairs.extend(series.labels().map(|(name, value)| labels.label(b"", name, value)));
        let kind = labels.series(&pairs, &mut own).unwrap();
        writer.push(&labels, &own, kind, &[(*time, *value)]);
    }
    writer.finish()
}

fn append(bench: &Bench, samples: &[(&str, Kind, i64, f64)]) {
    let of = |&(name, kind, at_s, value): &(&str, Kind, i64, f64)| (on_host(name), kind, (START + at_s) * 1_000, value);
    append_all(bench, &samples.iter().map(of).collect::<Vec<_>>());
}

fn append_all(bench: &Bench, samples: &[(Series, Kind, i64, f64)]) {
    let records = records(samples);
    records.iter().for_each(|payload| bench.append_record(RecordKind::Series, AgentId([0; 16]), payload));
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

/// Differences of one series, each from when until when, in seconds, and how much.
fn append_differences(bench: &Bench, differences: &[(i64, i64, f64)]) {
    let (mut labels, mut writer, mut own) = (Labels::default(), SampleWriter::of_differences(), Vec::new());
    let series = on_host("jobs_total");
    let mut pairs = vec![labels.metric(b"", series.name(), Kind::Counter)];
    pairs.extend(series.labels().map(|(name, value)| labels.label(b"", name, value)));
    labels.series(&pairs, &mut own).unwrap();
    let at = |seconds: i64| (START + seconds) * 1_000_000_000;
    let differences: Vec<_> = differences.iter().map(|&(from, to, by)| (at(to), at(from), by)).collect();
    writer.push_differences(&labels, &own, &differences);
    let records = writer.finish();
    records.iter().for_each(|payload| bench.append_record(RecordKind::Series, AgentId([0; 16]), payload));
}

#[test]
fn differences_become_totals_and_count_once_over_repeats_and_a_crash() {
    let mut bench = Bench::new();
    append_differences(&bench, &[(0, 10, 5.0), (10, 20, 2.0)]);
    append_differences(&bench, &[(10, 20, 2.0)]);
    bench.drain();
    bench.sink.checkpoint().unwrap();
    append_differences(&bench, &[(10, 20, 2.0), (20, 30, 1.0)]);
    append_differences(&bench, &[(40, 50, 4.0)]);
    // Another gateway's record may be read behind it.
    append_differences(&bench, &[(30, 40, 8.0)]);
    bench.drain();
    let mut bench = bench.crash();
    bench.drain();
    append_differences(&bench, &[(0, 10, 5.0), (30, 40, 8.0), (50, 60, 1.0)]);
    bench.drain();
    assert_eq!(bench.samples("jobs_total"), (vec![0, 10, 20, 30, 50, 60], vec![0.0, 5.0, 7.0, 8.0, 12.0, 21.0]));
}

#[test]
fn histograms_of_stretches_count_once_over_repeats_and_a_crash() {
    let mut bench = Bench::new();
    let append = |bench: &Bench, stretches: &[(i64, i64, usize)]| {
        let (mut labels, mut writer, mut own) = (Labels::default(), SampleWriter::of_windows(), Vec::new());
        let series = on_host("took");
        let mut pairs = vec![labels.metric(b"", series.name(), Kind::Distribution)];
        pairs.extend(series.labels().map(|(name, value)| labels.label(b"", name, value)));
        labels.series(&pairs, &mut own).unwrap();
        let at = |seconds: i64| (START + seconds) * 1_000_000_000;
        let bytes = |times: usize| {
            let (mut histogram, mut bytes) = (Histogram::new(), Vec::new());
            (0..times).for_each(|_| histogram.insert(1.0));
            histogram.encode(&mut bytes);
            bytes
        };
        let windows: Vec<_> = stretches.iter().map(|&(from, to, times)| (at(to), at(from), bytes(times))).collect();
        writer.push_windows(&labels, &own, &windows);
        let records = writer.finish();
        records.iter().for_each(|payload| bench.append_record(RecordKind::Series, AgentId([0; 16]), payload));
    };
    append(&bench, &[(0, 10, 5), (10, 20, 2)]);
    append(&bench, &[(10, 20, 2)]);
    bench.drain();
    bench.sink.checkpoint().unwrap();
    append(&bench, &[(10, 20, 2), (30, 40, 1)]);
    // Late, by another gateway.
    append(&bench, &[(20, 30, 8)]);
    bench.drain();
    let mut bench = bench.crash();
    bench.drain();
    append(&bench, &[(0, 10, 5), (30, 40, 1)]);
    bench.drain();
    assert_eq!(bench.histogram_counts("took"), [(10, 5.0), (20, 2.0), (30, 8.0), (40, 1.0)]);
    assert_eq!(bench.reading("weir_sink_dropped_total"), 3.0);
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
fn samples_that_an_older_program_wrote_are_stored_too() {
    let mut bench = Bench::new();
    let points = vec![(on_host("jobs_total"), Value::Counter(5.0)), (on_host("t"), Value::Gauge(-0.5))];
    let time = Timestamp::from_secs(START + 10);
    let batch = Batch { window: Window::ending(time, 1), totals: Totals::default(), points };
    for payload in Encoder::quick(1).encode(&batch, 100_000).0 {
        bench.append_record(RecordKind::Samples, AgentId([0; 16]), &payload);
    }
    append(&bench, &[("jobs_total", Kind::Counter, 20, 7.0)]);
    bench.drain();
    assert_eq!(bench.samples("jobs_total"), (vec![10, 20], vec![5.0, 7.0]));
    assert_eq!(bench.samples("t"), (vec![10], vec![-0.5]));
}

/// Series in order of their numbers, a batch of them per time and record.
fn check(shape: &str, series: usize, of: impl Fn(usize) -> Series, batches: &[Vec<(usize, i64, f64)>]) {
    let mut bench = Bench::new();
    let mut expected = std::collections::BTreeMap::new();
    for batch in batches {
        let sample = |&(at, time, value): &(usize, i64, f64)| (of(at), Kind::Gauge, START * 1_000 + time, value);
        append_all(&bench, &batch.iter().map(sample).collect::<Vec<_>>());
        expected.extend(batch.iter().map(|&(at, time, value)| ((at, time), value)));
    }
    bench.drain();
    bench.sink.checkpoint().unwrap();
    let bench = bench.crash();
    for at in 0..series {
        let (times, values) = bench.samples_of(&of(at));
        let wanted = expected.range((at, i64::MIN)..=(at, i64::MAX));
        let wanted: Vec<_> = wanted.map(|(&(_, time), &value)| (time / 1_000, value)).collect();
        assert_eq!(times.into_iter().zip(values).collect::<Vec<_>>(), wanted, "{shape}, series {at}");
    }
    assert_eq!(bench.reading("weir_sink_dropped_total"), 0.0, "{shape}");
}

#[test]
fn every_shape_is_stored_whole() {
    let host = |per_host: usize| {
        move |at: usize| {
            let (host, device) = (format!("h{}", at / per_host), format!("d{}", at % per_host));
            Series::new("x", [("instance", host.as_str()), ("device", device.as_str())])
        }
    };
    let rounds = |series: usize, rounds: i64| -> Vec<Vec<(usize, i64, f64)>> {
        (1..=rounds).map(|at| (0..series).map(|one| (one, at * 10_000, (at + one as i64) as f64)).collect()).collect()
    };
    for per_host in [1, 10, 200, 600] {
        check(&format!("{per_host} series per host"), 600, host(per_host), &rounds(600, 20));
    }
    let alone: Vec<_> = rounds(30, 20).concat().into_iter().map(|sample| vec![sample]).collect();
    check("one series per request", 30, host(10), &alone);
    let mut mixed = rounds(200, 30).concat();
    mixed.sort_by_key(|&(one, time, _)| (one * 7_919 + time as usize / 10_000 * 104_729) % 10_007);
    let mixed: Vec<_> = mixed.chunks(150).map(<[_]>::to_vec).collect();
    check("out of order", 200, host(100), &mixed);
    let unlike = |at: usize| Series::new("x", [("shop", format!("s{at}").as_str())]);
    check("no label like a host", 300, unlike, &rounds(300, 20));
    let names: Vec<String> = (0..120).map(|at| format!("label_{at:03}")).collect();
    let many = |at: usize| {
        let value = format!("v{at}");
        Series::new("x", names.iter().map(|name| (name.as_str(), value.as_str())))
    };
    check("many labels", 20, many, &rounds(20, 10));
    let mut long: Vec<Vec<_>> = (0..5).map(|one| (0..5_000).map(|at| (one, at * 1_000, at as f64)).collect()).collect();
    long.push((0..5).map(|one| (one, 77_000, -1.0)).collect());
    check("all samples of one series in one request", 5, host(5), &long);
    let scattered: Vec<Vec<_>> =
        (0..40).map(|at| (0..300).map(|one| (one, at * 1_000_000 + one as i64 * 1_000, at as f64)).collect()).collect();
    check("no times in common", 300, host(300), &scattered);
}
