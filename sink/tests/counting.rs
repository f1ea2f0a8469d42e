//! Real queue, real store: whatever is delivered how often, it is counted once, also across a crash.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use weir_queue::{Lane, Log, LogConfig, Record};
use weir_sample::{Distinct, Series, Sketch, Timestamp, Value, Window};
use weir_sink::{Sink, SinkConfig};
use weir_store::{Column, Hint, MatchOp, Matcher, NAME, Selection, Store, StoreConfig};
use weir_wire::{AgentId, Batch, Encoder, Epoch, Totals};

const AGENT: AgentId = AgentId([1; 16]);
const EPOCH: Epoch = Epoch(1 << 20);
const START: i64 = 1_700_000_000;

struct Bench {
    folder: tempfile::TempDir,
    log: Log,
    store: Arc<Store>,
    sink: Sink,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(&folder.path().join("queue"), "test", LogConfig::default()).unwrap();
        let (store, sink) = open(folder.path());
        Self { folder, log, store, sink }
    }

    /// Appends the batch of window number `seq`.
    fn append(&self, agent: AgentId, seq: u64, points: Vec<(Series, Value)>) {
        let end = Timestamp::from_secs(START + 10 * (seq as i64 + 1));
        let totals = Totals { sealed_batches: seq + 1, ..Totals::default() };
        let batch = Batch { window: Window::ending(end, 10_000), totals, points };
        let (payloads, _) = Encoder::new().encode(&batch, 1_142);
        assert_eq!(payloads.len(), 1);
        let received = end.plus(Duration::from_millis(50));
        let record =
            Record { lane: Lane::Normal, tenant: 0, agent, epoch: EPOCH, seq, received, payload: &payloads[0] };
        self.log.append(&[record]).unwrap();
    }

    fn drain(&mut self) {
        self.log.flush().unwrap();
        while self.sink.step(Timestamp::from_secs(START + 100_000)).unwrap() > 0 {}
    }

    /// Forgets all since the last checkpoint, as a SIGKILL does, and starts again.
    fn crash(self) -> Self {
        let Self { folder, log, store, sink } = self;
        drop((sink, store));
        let (store, sink) = open(folder.path());
        Self { folder, log, store, sink }
    }

    fn last(&self, name: &str) -> Option<f64> {
        let (_, values) = self.samples(name);
        values.last().copied()
    }

    fn samples(&self, name: &str) -> (Vec<i64>, Vec<f64>) {
        let matchers = [Matcher::new(NAME, MatchOp::Equal, name).unwrap()];
        let (start, end) = (Timestamp(0), Timestamp::from_secs(START * 2));
        let selection = Selection { matchers: &matchers, start, end, step: None, hint: Hint::Raw };
        let mut found = (Vec::new(), Vec::new());
        let mut each = |data: weir_store::SeriesData| {
            let Column::Floats(values) = data.values else { return ControlFlow::Continue(()) };
            found = (data.timestamps.iter().map(|ts| ts / 1_000 - START).collect(), values);
            ControlFlow::Continue(())
        };
        self.store.select(&selection, &mut each).unwrap();
        found
    }

    fn reading(&self, name: &str) -> f64 {
        let readings = self.sink.readings();
        readings.iter().find(|reading| reading.series.name() == name).map(|reading| reading.value).unwrap()
    }
}

fn open(folder: &Path) -> (Arc<Store>, Sink) {
    let (store, saved) = Store::open(&folder.join("store"), StoreConfig::default()).unwrap();
    let store = Arc::new(store);
    let sink = Sink::open(&SinkConfig::new(&folder.join("queue")), store.clone(), &saved).unwrap();
    (store, sink)
}

fn on_host(name: &str) -> Series {
    Series::new(name, [("host", "a")])
}

fn counted(delta: f64) -> Vec<(Series, Value)> {
    vec![(on_host("requests_total"), Value::Counter(delta)), (on_host("load"), Value::Gauge(delta))]
}

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
    let mut sketch = Sketch::new();
    [1.0, 2.0, 3.0].into_iter().for_each(|value| sketch.insert(value));
    let mut users = Distinct::new();
    users.insert(b"ann");
    users.insert(b"bob");
    for seq in 0..2 {
        bench.append(
            AGENT,
            seq,
            vec![
                (on_host("a_latency"), Value::Distribution(Box::new(sketch.clone()))),
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
    let shared =
        |delta: f64| vec![(Series::named("jobs_done"), Value::Counter(delta)), (on_host("load"), Value::Gauge(1.0))];
    bench.append(AGENT, 0, shared(2.0));
    bench.log.flush().unwrap();
    assert_eq!(bench.sink.step(Timestamp::from_secs(START + 11)).unwrap(), 1);
    assert_eq!(bench.last("jobs_done"), None);
    bench.sink.checkpoint().unwrap();
    let mut bench = bench.crash();
    bench.append(AgentId([2; 16]), 0, shared(3.0));
    bench.drain();
    assert_eq!(bench.samples("jobs_done"), (vec![0, 10], vec![0.0, 5.0]));
}

#[test]
fn a_batch_that_cannot_be_decoded_is_counted_and_the_next_one_lives() {
    let mut bench = Bench::new();
    let received = Timestamp::from_secs(START);
    let broken =
        Record { lane: Lane::Normal, tenant: 0, agent: AGENT, epoch: EPOCH, seq: 0, received, payload: b"\x01" };
    bench.log.append(&[broken]).unwrap();
    bench.append(AGENT, 1, counted(1.0));
    bench.drain();
    assert_eq!((bench.reading("weir_sink_dropped_total"), bench.last("requests_total")), (1.0, Some(1.0)));
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
    let labels = bench.store.label_values("pool", &[], Timestamp(0), Timestamp::from_secs(START * 2)).unwrap();
    assert!(labels.iter().any(|pool| &**pool == "web"), "{labels:?}");
    bench.append(AGENT, 2, points(1.0));
    bench.append(AGENT, 3, points(1.0));
    bench.drain();
    assert_eq!(bench.last("weir_ledger_missing_batches"), Some(0.0));
}
