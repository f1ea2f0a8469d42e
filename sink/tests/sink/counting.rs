//! Whatever is delivered how often, it is counted once, also across a crash.

use weir_queue::RecordKind;
use weir_sample::{Distinct, Histogram, Series, Timestamp, Value};
use weir_wire::AgentId;

use crate::bench::{AGENT, Bench, START, counted, end_of, on_host};

#[test]
fn duplicates_and_disorder_count_once() {
    let mut bench = Bench::new();
    for seq in [0, 1, 1, 3, 2, 0, 3] {
        bench.append(AGENT, seq, counted(1.0 + seq as f64));
    }
    bench.drain();
    assert_eq!(bench.last("requests_total"), Some(10.0));
    assert_eq!(bench.samples("load"), (vec![10, 20, 30, 40], vec![1.0, 2.0, 3.0, 4.0]));
    assert_eq!(bench.reading("weir_sink_duplicates_total"), 3.0);
}

#[test]
fn a_crash_after_any_record_leaves_the_same_store() {
    let expected = {
        let mut bench = Bench::new();
        (0..40).for_each(|seq| bench.append(AGENT, seq, counted(1.0)));
        bench.drain();
        bench.samples("requests_total")
    };
    for checkpoint_at in [0, 1, 17, 39] {
        let mut bench = Bench::new();
        for seq in 0..40 {
            bench.append(AGENT, seq, counted(1.0));
            bench.drain();
            if seq == checkpoint_at {
                bench.sink.checkpoint().unwrap();
            }
            if seq % 13 == 5 {
                bench = bench.crash();
            }
        }
        // What was read before the crash and not saved comes again; so does a resend of the agent.
        bench.append(AGENT, 39, counted(1.0));
        bench.drain();
        assert_eq!(bench.samples("requests_total"), expected, "checkpoint after record {checkpoint_at}");
    }
}

#[test]
fn distributions_bring_their_count_and_sum_and_sets_their_estimate() {
    let mut bench = Bench::new();
    let mut histogram = Histogram::new();
    [1.0, 2.0, 3.0].into_iter().for_each(|value| histogram.insert(value));
    let mut users = Distinct::new();
    users.insert(b"ann");
    users.insert(b"bob");
    for seq in 0..2 {
        bench.append(
            AGENT,
            seq,
            vec![
                (on_host("a_latency"), Value::Distribution(Box::new(histogram.clone()))),
                (on_host("users"), Value::Set(Box::new(users.clone()))),
                (on_host("z_total"), Value::Counter(1.0)),
            ],
        );
    }
    bench.drain();
    assert_eq!((bench.last("a_latency_count"), bench.last("a_latency_sum")), (Some(6.0), Some(12.0)));
    assert_eq!((bench.last("users"), bench.last("z_total")), (Some(2.0), Some(2.0)));
}

#[test]
fn shared_series_merge_over_agents_and_survive_a_crash_while_their_window_is_open() {
    let mut bench = Bench::new();
    let shared = |value: f64| {
        let gauge = (Series::named("jobs_left"), Value::Gauge(value));
        vec![(Series::named("jobs_done"), Value::Counter(value)), gauge, (on_host("load"), Value::Gauge(1.0))]
    };
    bench.append(AGENT, 0, shared(2.0));
    bench.log.flush().unwrap();
    assert_eq!(bench.sink.step(Timestamp::from_secs(START + 11)).unwrap(), 1);
    assert_eq!(bench.last("jobs_done"), None);
    bench.sink.checkpoint().unwrap();
    let mut bench = bench.crash();
    // Read later, but received before the other.
    bench.append_at(AgentId([2; 16]), 0, end_of(0), shared(3.0));
    bench.drain();
    assert_eq!(bench.samples("jobs_done"), (vec![0, 10], vec![0.0, 5.0]));
    assert_eq!(bench.samples("jobs_left"), (vec![10], vec![2.0]));
}

#[test]
fn a_record_that_cannot_be_read_is_counted_and_the_next_one_lives() {
    let mut bench = Bench::new();
    bench.append_record(RecordKind::Batch, AGENT, b"\x01");
    bench.append_record(RecordKind::Newer(200), AGENT, b"of a newer program");
    bench.append(AGENT, 1, counted(1.0));
    bench.drain();
    assert_eq!((bench.reading("weir_sink_dropped_total"), bench.last("requests_total")), (2.0, Some(1.0)));
}

#[test]
fn the_ledger_holds_the_agents_account_beside_what_arrived() {
    let mut bench = Bench::new();
    let points = |delta| vec![(Series::new("x", [("host", "a"), ("pool", "web")]), Value::Counter(delta))];
    bench.append(AGENT, 0, points(1.0));
    bench.append(AGENT, 0, points(1.0));
    bench.append(AGENT, 1, points(1.0));
    bench.append(AGENT, 4, points(1.0));
    bench.drain();
    let mut bench = bench.crash();
    bench.drain();
    assert_eq!(bench.last("weir_ledger_sealed_batches_total"), Some(5.0));
    assert_eq!(bench.last("weir_ledger_received_batches_total"), Some(3.0));
    assert_eq!(bench.last("weir_ledger_received_samples_total"), Some(3.0));
    assert_eq!(bench.last("weir_ledger_duplicate_batches_total"), Some(1.0));
    assert_eq!(bench.last("weir_ledger_missing_batches"), Some(2.0));
    assert_eq!(bench.label_values("pool"), ["web"]);
    bench.append(AGENT, 2, points(1.0));
    bench.append(AGENT, 3, points(1.0));
    bench.drain();
    assert_eq!(bench.last("weir_ledger_missing_batches"), Some(0.0));
}
