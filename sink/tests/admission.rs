//! Real queue, real store: rules, limits and rollups decide under which series values are kept, and lose none of them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use weir_queue::{Lane, Log, LogConfig, Record, RecordKind};
use weir_sample::{Histogram, Pattern, Selector, Series, Timestamp, Value, Window};
use weir_sink::{Action, AdmissionConfig, Grant, Rule, Sink, SinkConfig};
use weir_store::{Column, Hint, MatchOp, Matcher, NAME, Selection, Store, StoreConfig};
use weir_wire::{AgentId, Batch, Encoder, Epoch, Totals};

const START: i64 = 1_700_000_000;

struct Bench {
    folder: tempfile::TempDir,
    log: Log,
    store: Arc<Store>,
    sink: Sink,
    config: AdmissionConfig,
    tenant: u32,
}

impl Bench {
    fn new(config: AdmissionConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(&folder.path().join("queue"), "test", LogConfig::default()).unwrap();
        let (store, sink) = open(folder.path(), &config);
        Self { folder, log, store, sink, config, tenant: 0 }
    }

    /// Appends an agent's batch number `seq`, which is its window too.
    fn append(&self, agent: u8, seq: u64, points: Vec<(Series, Value)>) {
        let end = Timestamp::from_secs(START + 10 * (seq as i64 + 1));
        let batch = Batch { window: Window::ending(end, 10_000), totals: Totals::default(), points };
        let (payloads, _) = Encoder::new().encode(&batch, usize::MAX);
        self.record(agent, seq, end, &payloads[0]);
    }

    fn record(&self, agent: u8, seq: u64, received: Timestamp, payload: &[u8]) {
        self.append_record(RecordKind::Batch, agent, seq, received, payload);
    }

    fn grant(&self, agent: u8, received: Timestamp, grant: &Grant) {
        self.append_record(RecordKind::Grant, agent, 0, received, &grant.encode());
    }

    fn append_record(&self, kind: RecordKind, agent: u8, seq: u64, received: Timestamp, payload: &[u8]) {
        let (lane, tenant, agent, epoch) = (Lane::Normal, self.tenant, AgentId([agent; 16]), Epoch(1 << 20));
        self.log.append(&[Record { kind, lane, tenant, agent, epoch, seq, received, payload }]).unwrap();
    }

    fn drain(&mut self) {
        self.log.flush().unwrap();
        while self.sink.step(Timestamp::from_secs(START + 100_000)).unwrap() > 0 {}
    }

    /// Forgets all since the last checkpoint, as a SIGKILL does, and starts again.
    fn crash(self) -> Self {
        let Self { folder, log, store, sink, config, tenant } = self;
        drop((sink, store));
        let (store, sink) = open(folder.path(), &config);
        Self { folder, log, store, sink, config, tenant }
    }

    /// Every series that agents sent and its last value, histograms by their count.
    fn last(&self) -> BTreeMap<String, f64> {
        let matchers = [Matcher::new(NAME, MatchOp::NotRegex, "weir_(ledger_.+|completeness_.+|agent_up)").unwrap()];
        let (start, end) = (Timestamp(0), Timestamp::from_secs(START * 2));
        let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
        let mut found = BTreeMap::new();
        let mut each = |data: weir_store::SeriesData| {
            let last = match &data.values {
                Column::Floats(values) => values.last().copied(),
                Column::Histograms(histograms) => histograms.last().map(Histogram::count),
            };
            assert_eq!(found.insert(data.series.to_string(), last.unwrap()), None, "a series is stored once");
            ControlFlow::Continue(())
        };
        self.store.select(&selection, &mut each).unwrap();
        found
    }

    fn reading(&self, name: &str) -> f64 {
        self.sink.readings().iter().filter(|reading| reading.series.name() == name).map(|reading| reading.value).sum()
    }
}

fn open(folder: &std::path::Path, config: &AdmissionConfig) -> (Arc<Store>, Sink) {
    let (store, saved) = Store::open(&folder.join("store"), StoreConfig::default()).unwrap();
    let store = Arc::new(store);
    let sink = Sink::open(&SinkConfig::new(&folder.join("queue")), store.clone(), &saved).unwrap();
    sink.admission().set(config.clone());
    (store, sink)
}

fn rule(name: &str, action: Action) -> Rule {
    Rule { number: 1, tenant: None, series: Selector { name: Pattern::new(name), labels: Vec::new() }, action }
}

fn rules(rules: Vec<Rule>) -> AdmissionConfig {
    AdmissionConfig { rules, ..AdmissionConfig::default() }
}

fn on(host: &str, name: &str, user: &str) -> Series {
    Series::new(name, [("host", host), ("user", user)])
}

fn counter(series: Series, delta: f64) -> (Series, Value) {
    (series, Value::Counter(delta))
}

fn histogram(values: &[f64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|value| histogram.insert(*value));
    histogram
}

#[test]
fn series_over_an_agents_limit_fold_with_exact_totals_and_a_culprit() {
    let mut bench = Bench::new(AdmissionConfig { max_agent_series: 3, ..AdmissionConfig::default() });
    let calm = || counter(on("a", "calm", ""), 1.0);
    bench.append(1, 0, vec![calm(), counter(on("a", "wild", "0"), 1.0)]);
    for seq in 1..10 {
        let users = (0..seq).map(|user| counter(on("a", "wild", &user.to_string()), 1.0));
        bench.append(1, seq, users.chain([calm()]).collect());
    }
    bench.append(2, 0, vec![counter(on("b", "calm", ""), 7.0)]);
    bench.drain();
    let last = bench.last();
    assert_eq!(last[r#"calm{host="a"}"#], 10.0, "what was there before is not touched");
    assert_eq!(last[r#"calm{host="b"}"#], 7.0, "another agent has room of its own");
    assert_eq!(
        last[r#"wild{__overflow__="true"}"#] + last[r#"wild{host="a",user="0"}"#] + last[r#"wild{host="a",user="1"}"#],
        46.0
    );
    assert_eq!(last.len(), 5, "{last:?}");
    let worst = &bench.sink.admission().cardinality(1).metrics[0];
    assert_eq!((worst.metric.as_str(), worst.series, worst.labels[0].label.as_str()), ("wild", 9.0, "user"));
    assert_eq!(bench.reading("weir_sink_folded_samples_total"), 28.0);
    assert_eq!(bench.reading("weir_sink_culprit_series"), worst.folded as f64);
}

#[test]
fn a_tenants_limit_holds_over_its_agents_and_shared_series() {
    let mut bench = Bench::new(AdmissionConfig { max_tenant_series: 2, ..AdmissionConfig::default() });
    bench.tenant = 7;
    bench.append(1, 0, vec![counter(on("a", "x", ""), 1.0)]);
    bench.append(2, 0, vec![counter(Series::named("jobs"), 2.0)]);
    bench.append(3, 0, vec![counter(on("c", "x", ""), 4.0), counter(Series::named("jobs"), 8.0)]);
    bench.append(4, 0, vec![counter(Series::named("more_jobs"), 16.0)]);
    bench.drain();
    let expected = [
        (r#"jobs{tenant="7"}"#, 10.0),
        (r#"more_jobs{__overflow__="true",tenant="7"}"#, 16.0),
        (r#"x{__overflow__="true",tenant="7"}"#, 4.0),
        (r#"x{host="a",tenant="7"}"#, 1.0),
    ];
    assert_eq!(bench.last(), expected.map(|(series, value)| (series.to_owned(), value)).into());
}

#[test]
fn after_a_crash_who_was_in_has_its_place_and_a_limit_counts_on() {
    let mut bench = Bench::new(AdmissionConfig { max_tenant_series: 2, ..AdmissionConfig::default() });
    bench.append(1, 0, vec![counter(on("a", "x", ""), 1.0), counter(Series::named("jobs"), 1.0)]);
    bench.drain();
    bench.sink.checkpoint().unwrap();
    let mut bench = bench.crash();
    bench.append(2, 1, vec![counter(on("b", "x", ""), 4.0), counter(Series::named("more_jobs"), 4.0)]);
    bench.append(1, 1, vec![counter(on("a", "x", ""), 1.0), counter(Series::named("jobs"), 1.0)]);
    bench.drain();
    let expected = [
        ("jobs", 2.0),
        (r#"more_jobs{__overflow__="true"}"#, 4.0),
        (r#"x{__overflow__="true"}"#, 4.0),
        (r#"x{host="a"}"#, 2.0),
    ];
    assert_eq!(bench.last(), expected.map(|(series, value)| (series.to_owned(), value)).into());
}

#[test]
fn an_agent_gone_silent_leaves_its_tenants_places_to_others() {
    let mut bench = Bench::new(AdmissionConfig { max_tenant_series: 2, ..AdmissionConfig::default() });
    bench.append(1, 0, vec![counter(on("a", "x", ""), 1.0)]);
    bench.append(2, 0, vec![counter(on("b", "x", ""), 1.0)]);
    bench.append(3, 0, vec![counter(on("c", "x", ""), 1.0)]);
    bench.append(2, 1_000, vec![counter(on("b", "x", ""), 1.0)]);
    bench.drain();
    bench.append(3, 1_001, vec![counter(on("c", "x", ""), 2.0)]);
    bench.drain();
    let expected =
        [(r#"x{__overflow__="true"}"#, 1.0), (r#"x{host="a"}"#, 1.0), (r#"x{host="b"}"#, 2.0), (r#"x{host="c"}"#, 2.0)];
    assert_eq!(bench.last(), expected.map(|(series, value)| (series.to_owned(), value)).into());
}

#[test]
fn rules_deny_rename_and_merge() {
    let mut bench = Bench::new(rules(vec![
        rule("debug_*", Action::Deny),
        rule("old", Action::Rename("new".into())),
        rule("visits", Action::DropLabels(vec!["user".into()])),
        rule("*", Action::SetLabel("env".into(), "prod".into())),
    ]));
    let histogram = histogram(&[1.0, 2.0, 3.0]);
    bench.append(
        1,
        0,
        vec![
            counter(on("a", "debug_x", ""), 1.0),
            counter(on("a", "old", ""), 2.0),
            counter(on("a", "visits", "1"), 3.0),
            counter(on("a", "visits", "2"), 4.0),
            (on("a", "took", ""), Value::Distribution(Box::new(histogram))),
            (on("a", "load", ""), Value::Gauge(5.0)),
        ],
    );
    bench.drain();
    let expected = [
        (r#"load{env="prod",host="a"}"#, 5.0),
        (r#"new{env="prod",host="a"}"#, 2.0),
        (r#"took_count{env="prod",host="a"}"#, 3.0),
        (r#"took_sum{env="prod",host="a"}"#, 6.0),
        (r#"took{env="prod",host="a"}"#, 3.0),
        (r#"visits{env="prod",host="a"}"#, 7.0),
    ];
    assert_eq!(bench.last(), expected.map(|(series, value)| (series.to_owned(), value)).into());
    assert_eq!(bench.reading("weir_sink_denied_series_total"), 1.0);
}

#[test]
fn rules_change_while_batches_come() {
    let mut bench = Bench::new(AdmissionConfig::default());
    let batch = |bench: &Bench, seq| bench.append(1, seq, vec![counter(on("a", "x", ""), 1.0)]);
    batch(&bench, 0);
    bench.drain();
    bench.sink.admission().set(rules(vec![rule("x", Action::Deny)]));
    batch(&bench, 1);
    bench.drain();
    bench.sink.admission().set(AdmissionConfig::default());
    batch(&bench, 2);
    bench.drain();
    assert_eq!(bench.last()[r#"x{host="a"}"#], 2.0);
}

#[test]
fn a_rollup_is_exact_under_resends_and_crashes() {
    let rollup = Action::Rollup { drop_labels: vec!["host".into()], name: String::new() };
    let config = rules(vec![rule("http_*", rollup)]);
    let hosts = ["a", "b", "c"];
    for crash_at in [0, 3, 7] {
        let mut bench = Bench::new(config.clone());
        for seq in 0..10u64 {
            for (agent, host) in (1u8..).zip(hosts) {
                let histogram = histogram(&[1.0 + seq as f64]);
                let points = vec![
                    counter(on(host, "http_requests", "x"), f64::from(agent)),
                    (on(host, "http_took", ""), Value::Distribution(Box::new(histogram))),
                ];
                bench.append(agent, seq, points.clone());
                bench.append(agent, seq.saturating_sub(2), points);
            }
            if seq == crash_at {
                bench.log.flush().unwrap();
                bench.sink.step(Timestamp::from_secs(START + 10 * seq as i64)).unwrap();
                bench.sink.checkpoint().unwrap();
            }
            if seq == crash_at + 2 {
                bench.log.flush().unwrap();
                bench.sink.step(Timestamp::from_secs(START + 10 * seq as i64)).unwrap();
                bench = bench.crash();
            }
        }
        bench.drain();
        let last = bench.last();
        assert_eq!(last[r#"rollup:http_requests{user="x"}"#], 60.0, "crash at {crash_at}: {last:?}");
        assert_eq!(last["rollup:http_took_count"], 30.0);
        assert_eq!(last[r#"http_requests{host="c",user="x"}"#], 30.0);
    }
}

#[test]
fn a_grant_limits_and_labels_and_survives_a_crash() {
    let mut bench = Bench::new(AdmissionConfig::default());
    let grant = Grant { max_series: Some(1), labels: vec![("team".into(), "a".into())] };
    bench.grant(1, Timestamp::from_secs(START), &grant);
    let points = || vec![counter(on("a", "x", ""), 1.0), counter(on("a", "y", ""), 1.0)];
    bench.append(1, 0, points());
    bench.drain();
    bench.sink.checkpoint().unwrap();
    bench = bench.crash();
    bench.append(1, 1, points());
    bench.grant(1, Timestamp::from_secs(START), &Grant::default());
    bench.append(1, 2, vec![counter(on("a", "x", ""), 1.0)]);
    bench.drain();
    let expected = [(r#"x{host="a",team="a"}"#, 2.0), (r#"x{host="a"}"#, 1.0), (r#"y{__overflow__="true"}"#, 2.0)];
    assert_eq!(bench.last(), expected.map(|(series, value)| (series.to_owned(), value)).into());
}

#[test]
fn a_clock_ahead_is_corrected_and_told() {
    let mut bench = Bench::new(AdmissionConfig::default());
    let end = Timestamp::from_secs(START + 40);
    let batch = Batch {
        window: Window::ending(end, 10_000),
        totals: Totals::default(),
        points: vec![counter(on("a", "x", ""), 1.0)],
    };
    let (payloads, _) = Encoder::new().encode(&batch, usize::MAX);
    bench.record(1, 0, end.minus(Duration::from_secs(29)), &payloads[0]);
    bench.drain();
    assert_eq!(bench.reading("weir_sink_clock_corrected_batches_total"), 1.0);
}
