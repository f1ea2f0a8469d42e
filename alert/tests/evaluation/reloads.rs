//! Rules that change while alerts fire, and restarts.

use std::collections::BTreeSet;

use weir_alert::states::StateStore;

use crate::bench::{Bench, groups, plain};

const RULE: &str = "{alert: Down, expr: down > 0, labels: {severity: page}}";

fn file(rules: &str) -> String {
    format!("groups: [{{name: g, rules: [{rules}]}}]")
}

fn firing() -> Bench {
    let mut bench = Bench::new(&file(RULE));
    bench.set("down{host=a}", 0, 1.0);
    assert_eq!(bench.at(0), ["Down a firing 1"]);
    bench.set("down{host=a}", 10, 1.0);
    bench.set("down{host=a}", 20, 1.0);
    bench
}

#[test]
fn a_changed_rule_keeps_its_alerts_if_name_and_labels_stay() {
    let mut bench = firing();
    let changed = "{alert: Down, expr: down > 0.5, for: 1h, labels: {severity: page}, annotations: {a: b}}";
    bench.load(&groups("rules.yml", &file(changed)));
    assert_eq!(bench.at(10), Vec::<String>::new());
    assert_eq!(bench.alerts(), ["{alertname=\"Down\", host=\"a\", severity=\"page\"} firing"]);
}

#[test]
fn a_rule_with_other_labels_is_another_rule() {
    let mut bench = firing();
    bench.load(&groups("rules.yml", &file("{alert: Down, expr: down > 0, labels: {severity: warn}}")));
    let mut events = bench.at(10);
    events.sort();
    assert_eq!(events, ["Down a firing 2", "Down a resolved 3"].map(str::to_owned).to_vec());
    let ended = bench.written("ALERTS{alertname=Down,host=a,severity=page,alertstate=firing}");
    assert_eq!(ended, ["0: 1", "10: stale"]);
}

#[test]
fn a_group_whose_file_vanished_resolves_at_its_next_evaluation() {
    let mut bench = firing();
    bench.load(&[]);
    assert_eq!(bench.at(5), Vec::<String>::new(), "files are replaced in steps; one interval is waited");
    assert_eq!(bench.at(10), ["Down a resolved 2"]);
    assert_eq!(bench.history().last().unwrap(), "10 rule_gone");
    assert_eq!(bench.evaluator.store().groups().unwrap().len(), 0);
    assert_eq!(bench.at(20), Vec::<String>::new());
}

#[test]
fn a_group_that_comes_back_within_its_interval_was_never_gone() {
    let mut bench = firing();
    bench.load(&[]);
    bench.load(&groups("rules.yml", &file(RULE)));
    assert_eq!(bench.at(10), Vec::<String>::new());
    assert_eq!(bench.alerts().len(), 1);
}

#[test]
fn a_rule_that_moves_to_another_group_or_file_takes_its_alerts_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states.redb");
    let mut bench = Bench::on(&path, &file(RULE));
    for at in [0, 10, 20, 30] {
        bench.set("down{host=a}", at, 1.0);
    }
    bench.at(0);
    bench.load(&groups("other.yml", &file(RULE).replace("name: g", "name: h")));
    assert_eq!(bench.at(10), ["Down a firing 1"], "said again, under the same number, and not resolved");
    let saved = bench.evaluator.store().groups().unwrap();
    assert_eq!(saved.keys().collect::<Vec<_>>(), ["other.yml;h"]);
    assert_eq!(saved["other.yml;h"].alerts.values().map(Vec::len).sum::<usize>(), 1);
    assert!(
        bench
            .written("ALERTS{alertname=Down,host=a,severity=page,alertstate=firing}")
            .iter()
            .all(|r| !r.contains("stale"))
    );
}

/// A process that stops at `down` and starts again at `up`, over a series that is 1 all the time but from `gap` on.
fn restarted(rules: &str, down: i64, up: i64, gap: i64) -> (Bench, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states.redb");
    let mut bench = Bench::on(&path, rules);
    for at in (0..=20_000).step_by(10) {
        bench.set("down{host=a}", at, f64::from(u8::from(at < gap)));
    }
    for at in (0..=down).step_by(10) {
        bench.at(at);
    }
    let Bench { memory, out, evaluator, .. } = bench;
    drop(evaluator);
    let mut again = Bench::on(&path, rules);
    (again.memory, again.out) = (memory, out);
    let events = again.at(up);
    (again, events)
}

#[test]
fn an_alert_that_was_pending_fires_at_its_time_though_the_process_was_down_for_longer() {
    let rules = file("{alert: Down, expr: down > 0, for: 5m}");
    let (bench, events) = restarted(&rules, 100, 1_000, i64::MAX);
    assert_eq!(events, ["Down a firing 1"]);
    assert_eq!(bench.out.events[0].evaluated_at_ms, 300_000);
    let (bench, events) = restarted(&rules, 100, 1_000, 600);
    assert_eq!(events, ["Down a firing 1", "Down a resolved 2"], "both happened while nobody looked");
    assert_eq!(bench.out.events[1].ends_at_ms, 600_000);
}

#[test]
fn a_firing_alert_is_the_same_after_a_restart() {
    let rules = file("{alert: Down, expr: down > 0, for: 20s, annotations: {a: '{{ $labels.host }}'}}");
    let (bench, events) = restarted(&rules, 100, 120, i64::MAX);
    assert_eq!(events, ["Down a firing 1"], "said again under its number");
    let (first, again) = (&bench.out.events[0], &bench.out.events[1]);
    assert_eq!((first.starts_at_ms, first.active_at_ms, &first.annotations), (20_000, 0, &again.annotations));
    assert_eq!((again.starts_at_ms, again.active_at_ms, again.seq), (20_000, 0, 1));
    let (bench, events) = restarted(&rules, 100, 120, 110);
    assert_eq!(events, ["Down a resolved 2"]);
    assert_eq!(bench.out.events[1].annotations["a"], "a", "people read what the alert was about");
}

#[test]
fn a_restart_with_a_file_that_cannot_be_read_resolves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states.redb");
    let mut bench = Bench::on(&path, &file(RULE));
    (0..=100).step_by(10).for_each(|at| bench.set("down{host=a}", at, 1.0));
    bench.at(0);
    let Bench { memory, evaluator, .. } = bench;
    drop(evaluator);
    let store = StateStore::open(&path).unwrap().0;
    let mut again = Bench::with("groups: []", plain(), StateStore::in_memory().unwrap());
    again.memory = memory;
    again.evaluator = weir_alert::evaluate::Evaluator::new(store, plain()).unwrap();
    again.evaluator.load(&[], &BTreeSet::from(["rules.yml".to_owned()])).unwrap();
    assert_eq!(again.at(50), Vec::<String>::new());
    again.load(&groups("rules.yml", &file(RULE)));
    assert_eq!(again.at(60), ["Down a firing 1"], "mended: it fires as it did, under its number");
}
