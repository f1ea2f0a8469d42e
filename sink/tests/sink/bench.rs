//! A real queue, a sink and a real store, and time moved by hand.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use weir_queue::{Lane, Log, LogConfig, Record, RecordKind};
use weir_sample::{Series, Timestamp, Value, Window};
use weir_sink::{Sink, SinkConfig};
use weir_store::{Column, Hint, MatchOp, Matcher, NAME, Selection, Store, StoreConfig};
use weir_wire::{AgentId, Batch, Encoder, Epoch, Totals};

pub(crate) const AGENT: AgentId = AgentId([1; 16]);
pub(crate) const EPOCH: Epoch = Epoch(1 << 20);
pub(crate) const START: i64 = 1_700_000_000;

pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) log: Log,
    pub(crate) store: Arc<Store>,
    pub(crate) sink: Sink,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(tempfile::tempdir().unwrap(), b"")
    }

    /// On a folder that may have a queue already, with a sink that goes on from this state.
    pub(crate) fn with(folder: tempfile::TempDir, state: &[u8]) -> Self {
        let log = Log::open(&folder.path().join("queue"), "test", LogConfig::default()).unwrap();
        let (store, _) = Store::open(&folder.path().join("store"), StoreConfig::default()).unwrap();
        let store = Arc::new(store);
        let sink = Sink::open(&SinkConfig::new(&folder.path().join("queue")), store.clone(), state).unwrap();
        Self { folder, log, store, sink }
    }

    /// Appends a record that is none of an agent's ordinary batches.
    pub(crate) fn append_record(&self, kind: RecordKind, agent: AgentId, payload: &[u8]) {
        let (lane, tenant, epoch, seq, received) = (Lane::Normal, 0, EPOCH, 0, Timestamp::from_secs(START));
        self.log.append(&[Record { kind, lane, tenant, agent, epoch, seq, received, payload }]).unwrap();
    }

    /// Appends the batch of window number `seq`, which comes at once.
    pub(crate) fn append(&self, agent: AgentId, seq: u64, points: Vec<(Series, Value)>) {
        self.append_at(agent, seq, end_of(seq).plus(Duration::from_millis(50)), points);
    }

    /// Appends the batch of window number `seq` as one that was received at some time.
    pub(crate) fn append_at(&self, agent: AgentId, seq: u64, received: Timestamp, points: Vec<(Series, Value)>) {
        self.append_of(0, agent, seq, received, points);
    }

    /// Appends a batch of some tenant's agent.
    pub(crate) fn append_of(
        &self,
        tenant: u32,
        agent: AgentId,
        seq: u64,
        received: Timestamp,
        points: Vec<(Series, Value)>,
    ) {
        let totals = Totals { sealed_batches: seq + 1, ..Totals::default() };
        let batch = Batch { window: Window::ending(end_of(seq), 10_000), totals, points };
        let (payloads, _) = Encoder::new().encode(&batch, 1_142);
        assert_eq!(payloads.len(), 1);
        let record = Record {
            kind: RecordKind::Batch,
            lane: Lane::Normal,
            tenant,
            agent,
            epoch: EPOCH,
            seq,
            received,
            payload: &payloads[0],
        };
        self.log.append(&[record]).unwrap();
    }

    pub(crate) fn drain(&mut self) {
        self.drain_at(Timestamp::from_secs(START + 1_000_000));
    }

    pub(crate) fn drain_at(&mut self, now: Timestamp) {
        self.log.flush().unwrap();
        while self.sink.step(now).unwrap() > 0 {}
    }

    /// Forgets all since the last checkpoint, as a SIGKILL does, and starts again.
    pub(crate) fn crash(self) -> Self {
        self.reopen(|_| {})
    }

    /// The same with other settings.
    pub(crate) fn reopen(self, set: impl FnOnce(&mut SinkConfig)) -> Self {
        let Self { folder, log, store, sink } = self;
        drop((sink, store));
        let (store, sink) = open(folder.path(), set);
        Self { folder, log, store, sink }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn last(&self, name: &str) -> Option<f64> {
        let (_, values) = self.samples(name);
        values.last().copied()
    }

    /// The last value of a tenant's series.
    pub(crate) fn last_in(&self, tenant: &str, name: &str) -> Option<f64> {
        let matcher = |label, value| Matcher::new(label, MatchOp::Equal, value).unwrap();
        self.select(&[matcher(NAME, name), matcher("tenant", tenant)]).1.last().copied()
    }

    pub(crate) fn samples(&self, name: &str) -> (Vec<i64>, Vec<f64>) {
        self.select(&[Matcher::new(NAME, MatchOp::Equal, name).unwrap()])
    }

    /// The samples of one series.
    pub(crate) fn samples_of(&self, series: &Series) -> (Vec<i64>, Vec<f64>) {
        let matcher = |(label, value)| Matcher::new(label, MatchOp::Equal, value).unwrap();
        self.select(&std::iter::once((NAME, series.name())).chain(series.labels()).map(matcher).collect::<Vec<_>>())
    }

    /// The last value of what an agent's account says under some name.
    pub(crate) fn last_of(&self, name: &str, agent: &str) -> Option<f64> {
        let matcher = |label, value| Matcher::new(label, MatchOp::Equal, value).unwrap();
        self.select(&[matcher(NAME, name), matcher("agent", agent)]).1.last().copied()
    }

    pub(crate) fn last_of_tenant(&self, name: &str, agent: &str, tenant: &str) -> Option<f64> {
        let matcher = |label, value| Matcher::new(label, MatchOp::Equal, value).unwrap();
        let matchers = [matcher(NAME, name), matcher("agent", agent), matcher("tenant", tenant)];
        self.select(&matchers).1.last().copied()
    }

    pub(crate) fn label_values(&self, label: &str) -> Vec<String> {
        let values = self.store.label_values(label, &[], Timestamp(0), Timestamp::from_secs(START * 2)).unwrap();
        values.iter().map(|value| value.to_string()).collect()
    }

    fn select(&self, matchers: &[Matcher]) -> (Vec<i64>, Vec<f64>) {
        let (start, end) = (Timestamp(0), Timestamp::from_secs(START * 2));
        let selection = Selection { matchers, start, end, hint: Hint::Raw, any_order: false };
        let mut found = (Vec::new(), Vec::new());
        let mut each = |data: weir_store::SeriesData| {
            let Column::Floats(values) = data.values else { return ControlFlow::Continue(()) };
            found = (data.timestamps.iter().map(|ts| ts / 1_000 - START).collect(), values);
            ControlFlow::Continue(())
        };
        self.store.select(&selection, &mut each).unwrap();
        found
    }

    /// How many observations each histogram of a metric has, by second.
    pub(crate) fn histogram_counts(&self, name: &str) -> Vec<(i64, f64)> {
        let matchers = [Matcher::new(NAME, MatchOp::Equal, name).unwrap()];
        let (span, mut found) = ((Timestamp(0), Timestamp::from_secs(START * 2)), Vec::new());
        let mut each = |data: weir_store::SeriesData| {
            let Column::Histograms(histograms) = &data.values else { return ControlFlow::Continue(()) };
            let seconds = data.timestamps.iter().map(|time| time / 1_000 - START);
            found.extend(seconds.zip(histograms.iter().map(weir_sample::Histogram::count)));
            ControlFlow::Continue(())
        };
        self.store.select_histograms(&matchers, span, &mut each).unwrap();
        found
    }

    /// The sum of a reading over its labels.
    pub(crate) fn reading(&self, name: &str) -> f64 {
        self.sink.readings().iter().filter(|reading| reading.series.name() == name).map(|reading| reading.value).sum()
    }
}

/// When window number `seq` ends.
pub(crate) fn end_of(seq: u64) -> Timestamp {
    Timestamp::from_secs(START + 10 * (seq as i64 + 1))
}

fn open(folder: &Path, set: impl FnOnce(&mut SinkConfig)) -> (Arc<Store>, Sink) {
    let (store, saved) = Store::open(&folder.join("store"), StoreConfig::default()).unwrap();
    let store = Arc::new(store);
    let mut config = SinkConfig::new(&folder.join("queue"));
    set(&mut config);
    let sink = Sink::open(&config, store.clone(), &saved).unwrap();
    (store, sink)
}

pub(crate) fn on_host(name: &str) -> Series {
    Series::new(name, [("host", "a")])
}

pub(crate) fn counted(delta: f64) -> Vec<(Series, Value)> {
    vec![(on_host("requests_total"), Value::Counter(delta)), (on_host("load"), Value::Gauge(delta))]
}
