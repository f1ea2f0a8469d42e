//! Tenants cannot reach each other: neither by another's agent id nor by a label that names another.

use std::time::Duration;

use weir_queue::{Lane, Record, RecordKind};
use weir_sample::{Kind, Pattern, Selector, Series, Timestamp, Value};
use weir_sink::{Action, AdmissionConfig, Grant, Rule};
use weir_wire::{AgentId, Epoch};

use crate::bench::{AGENT, Bench, START, counted, end_of, on_host};
use crate::imported::records;

const HONEST: u32 = 3;
const HOSTILE: u32 = 7;

/// One window of one tenant's agent, all of which have one id.
fn append(bench: &Bench, tenant: u32, seq: u64, points: Vec<(Series, Value)>) {
    bench.append_of(tenant, AGENT, seq, end_of(seq).plus(Duration::from_millis(50)), points);
}

fn grant(bench: &Bench, tenant: u32, grant: &Grant) {
    let (agent, epoch, received, payload) = (AGENT, Epoch(0), Timestamp::from_secs(START), &grant.encode()[..]);
    let record =
        Record { kind: RecordKind::Grant, lane: Lane::Critical, tenant, agent, epoch, seq: 0, received, payload };
    bench.log.append(&[record]).unwrap();
}

fn imported(bench: &Bench, tenant: u32, series: Series) {
    let payloads = records(&[(series, Kind::Gauge, START * 1_000, 666.0)]);
    let (agent, epoch, received, payload) = (AgentId([0; 16]), Epoch(0), Timestamp::from_secs(START), &payloads[0][..]);
    let record =
        Record { kind: RecordKind::Series, lane: Lane::Normal, tenant, agent, epoch, seq: 0, received, payload };
    bench.log.append(&[record]).unwrap();
}

#[test]
fn numbers_that_another_tenant_sent_ahead_are_not_duplicates() {
    let mut bench = Bench::new();
    (0..20).for_each(|seq| append(&bench, HOSTILE, seq, counted(100.0)));
    (0..10).for_each(|seq| append(&bench, HONEST, seq, counted(1.0)));
    bench.drain();
    assert_eq!(bench.reading("weir_sink_duplicates_total"), 0.0);
    assert_eq!(bench.last_in("3", "requests_total"), Some(10.0));
    bench.sink.checkpoint().unwrap();
    let mut bench = bench.crash();
    // Both are remembered apart.
    append(&bench, HOSTILE, 19, counted(100.0));
    append(&bench, HONEST, 9, counted(1.0));
    append(&bench, HONEST, 19, counted(1.0));
    bench.drain();
    assert_eq!(bench.reading("weir_sink_duplicates_total"), 2.0);
    assert_eq!(bench.last_in("3", "requests_total"), Some(11.0));
    assert_eq!(bench.last_in("7", "requests_total"), Some(2_000.0));
}

#[test]
fn what_a_token_of_another_tenant_grants_changes_nothing() {
    let mut bench = Bench::new();
    append(&bench, HONEST, 0, counted(1.0));
    grant(&bench, HOSTILE, &Grant { max_series: Some(1), labels: vec![("stolen".into(), "yes".into())] });
    append(&bench, HONEST, 1, counted(1.0));
    bench.drain();
    assert_eq!(bench.last_in("3", "requests_total"), Some(2.0));
    assert!(bench.label_values("stolen").is_empty() && bench.label_values("__overflow__").is_empty());
}

#[test]
fn another_tenant_with_the_same_layout_writes_its_own_series() {
    let mut bench = Bench::new();
    append(&bench, HONEST, 0, counted(1_000.0));
    append(&bench, HOSTILE, 1, counted(666.0));
    bench.drain();
    assert_eq!((bench.last_in("3", "load"), bench.last_in("7", "load")), (Some(1_000.0), Some(666.0)));
    // Its account and limits are its own, too.
    let agent = AGENT.to_string();
    append(&bench, HONEST, 2, counted(1_000.0));
    bench.drain();
    assert_eq!(bench.last_of_tenant("weir_ledger_received_batches_total", &agent, "3"), Some(2.0));
    assert_eq!(bench.last_of_tenant("weir_ledger_received_batches_total", &agent, "7"), Some(1.0));
}

#[test]
fn a_label_tenant_from_outside_is_exported_however_it_comes() {
    for (tenant, own) in [(0, ""), (HOSTILE, "7")] {
        let mut bench = Bench::new();
        let named = |name: &str| on_host(name).with_label("tenant", "3");
        let shared = Series::new("shared", [("tenant", "3")]);
        let twice = named("twice").with_label("exported_tenant", "x");
        let points = [named("own"), shared, twice].map(|series| (series, Value::Gauge(666.0)));
        append(&bench, tenant, 0, points.into());
        imported(&bench, tenant, named("imported"));
        grant(&bench, tenant, &Grant { max_series: None, labels: vec![("tenant".into(), "3".into())] });
        append(&bench, tenant, 1, counted(666.0));
        bench.drain();
        for name in ["own", "shared", "twice", "imported", "requests_total", "load"] {
            assert_eq!(bench.last_in("3", name), None, "{name} of tenant {tenant}");
            assert!(bench.last_in(own, name).is_some(), "{name} of tenant {tenant}");
        }
        assert_eq!(bench.label_values("exported_tenant"), ["3", "x"]);
        assert_eq!(bench.label_values("exported_exported_tenant"), ["3"]);
    }
}

#[test]
fn no_label_is_a_way_around_a_limit() {
    let mut bench = Bench::new();
    bench.sink.admission().set(AdmissionConfig { max_agent_series: 2, ..AdmissionConfig::default() });
    let sly = |at: u64| on_host("sly").with_label("__overflow__", "true").with_label("at", &at.to_string());
    append(&bench, HOSTILE, 0, (0..10).map(|at| (sly(at), Value::Counter(1.0))).collect());
    bench.drain();
    assert_eq!(bench.label_values("at").len(), 2);
}

#[test]
fn no_rule_moves_a_series_to_another_tenant() {
    let rule = |action| Rule {
        number: 1,
        tenant: None,
        series: Selector { name: Pattern::new("*"), labels: Vec::new() },
        action,
    };
    let rollup = Action::Rollup { drop_labels: vec!["host".into()], name: "sum".into() };
    let rules = vec![rule(Action::SetLabel("tenant".into(), "3".into())), rule(rollup)];
    let mut bench = Bench::new();
    bench.sink.admission().set(AdmissionConfig { rules, ..AdmissionConfig::default() });
    append(&bench, HOSTILE, 0, counted(1.0));
    append(&bench, 0, 0, counted(1.0));
    bench.drain();
    for name in ["requests_total", "load", "sum"] {
        assert_eq!(bench.last_in("3", name), None, "{name}");
    }
    assert_eq!((bench.last_in("7", "sum"), bench.last_in("", "sum")), (Some(1.0), Some(1.0)));
}
