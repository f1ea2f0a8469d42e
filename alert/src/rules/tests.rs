//! What is told of rule files, and what stays in force.

use std::time::Duration;

use super::*;

fn faults(text: &str) -> Vec<String> {
    let (groups, faults) = read_rules("r.yml", text, Duration::from_secs(60));
    let has_error = faults.iter().any(|fault| fault.weight == Weight::Error);
    assert_eq!(groups.is_none(), has_error, "{faults:?}");
    faults.iter().map(ToString::to_string).collect()
}

/// One fault, at a place, that speaks of `part`.
fn check(text: &str, place: &str, part: &str) {
    let faults = faults(text);
    let [fault] = faults.as_slice() else { panic!("{text}: {faults:#?}") };
    assert!(fault.starts_with(&format!("r.yml:{place}: ")) && fault.contains(part), "{text}: {fault}");
}

fn rule(fields: &str) -> String {
    format!("groups:\n  - name: g\n    rules:\n      - {fields}\n")
}

#[test]
fn a_sound_file_has_no_fault() {
    let text = "groups:
  - name: g
    interval: 15s
    query_offset: 1m
    limit: 10
    labels: {team: a}
    rules:
      - record: job:x:sum
        expr: sum by (job) (x)
        labels:
          team: b
          number: 1
      - alert: High
        expr: |
          sum by (job) (x)
            > 5
        for: 5m
        keep_firing_for: 1m
        labels: {severity: page, job2: '{{ $labels.job }}'}
        annotations:
          summary: '{{ $labels.job }} is {{ $value | humanize }}'
  - name: empty
";
    let (groups, found) = read_rules("r.yml", text, Duration::from_secs(60));
    assert_eq!(found, []);
    let groups = groups.unwrap();
    assert_eq!((groups[0].interval.as_secs(), groups[0].limit, groups[1].interval.as_secs()), (15, 10, 60));
    assert_eq!(groups[0].rules[0].labels, [("number", "1"), ("team", "b")].map(|(a, b)| (a.into(), b.into())).into());
    assert_eq!(groups[0].rules[1].labels["team"], "a", "the group's labels are the rule's");
    for empty in ["", "# nothing\n", "groups:\n", "groups: []"] {
        assert_eq!(faults(empty), Vec::<String>::new(), "{empty:?}");
    }
}

#[test]
fn faults_are_told_with_their_place() {
    check("groups:\n  - name: g\n    intervall: 15s\n", "3:5", "intervall");
    check("groups: [\n", "1:9", "unclosed");
    check("groups:\n  - interval: 15s\n", "2:5", "no name");
    check("groups:\n  - name: g\n  - name: g\n", "3:11", "\"g\" is there twice, first in line 2");
    check("groups:\n  - name: g\n    interval: 15\n", "3:15", "duration");
    check("groups:\n  - name: g\n    limit: -1\n", "3:12", "below zero");
    check(&rule("expr: up"), "4:9", "neither");
    check(&rule("{record: a, alert: B, expr: up}"), "4:28", "both");
    check(&rule("alert: A"), "4:9", "no \"expr\"");
    check(&rule("{alert: A, expr: up, for: 5x}"), "4:35", "5x");
    check(&rule("{record: a, expr: up, for: 5m}"), "4:36", "\"for\"");
    check(&rule("{record: a, expr: up, annotations: {b: c}}"), "4:45", "\"annotations\"");
    check(&rule("{record: a-b, expr: up}"), "4:18", "metric name");
    check(&rule("{record: a, expr: up, labels: {a-b: c}}"), "4:40", "a-b");
    check(&rule("{alert: A, expr: up, labels: {__name__: c}}"), "4:39", "__name__");
    check(&rule("{alert: A, expr: up, annotations: {a-b: c}}"), "4:44", "annotation");
    check(&rule("{record: a, record: b, expr: up}"), "4:21", "");
}

#[test]
fn expressions_are_told_where_they_go_wrong() {
    check(&rule("{alert: A, expr: sum(foo(a)) > 1}"), "4:30", "unknown function");
    check(&rule("alert: A\n        expr: |\n          sum(\n            rate(x[5m])\n          )) > 1"), "8:12", "");
    check(&rule("{alert: A, expr: 'up[5m]'}"), "4:27", "matrix");
    check(&rule("{alert: A, expr: 'rate(x)'}"), "4:27", "");
}

#[test]
fn templates_are_told_where_they_go_wrong() {
    check(&rule("{alert: A, expr: up, annotations: {a: 'is {{ $value | nope }}'}}"), "4:63", "nope");
    check(&rule("{alert: A, expr: up, annotations: {a: 'is {{ $valu }}'}}"), "4:54", "valu");
    check(&rule("{alert: A, expr: up, labels: {a: '{{ if }}'}}"), "4:49", "missing value");
}

#[test]
fn labels_that_an_expression_cannot_have_are_told() {
    let text = "{alert: A, expr: sum by (bar) (x), annotations: {a: '{{ $labels.bar }} {{ $labels.foo }}'}}";
    check(&rule(text), "4:83", "$labels.foo, which the expression cannot have: its result has only bar");
    check(&rule("{alert: A, expr: sum(x), labels: {a: '{{ .Labels.foo }}'}}"), "4:50", "no label at all");
}

#[test]
fn rules_that_never_fire_are_told() {
    check(&rule("{alert: A, expr: x > 1 and x < 0}"), "4:9", "can never have a result");
    check(&rule("{record: a, expr: y or (x > 1 and x < 0)}"), "4:9", "a part of record");
}

#[test]
fn rules_that_are_there_twice_are_told() {
    let two = |a: &str, b: &str| format!("groups: [{{name: g, rules: [{a},\n{b}]}}]");
    check(&two("{alert: A, expr: up}", "{alert: A, expr: up, for: 5m}"), "2:1", "twice, first in line 1");
    check(&two("{record: a, expr: x}", "{record: a, expr: y}"), "2:1", "twice");
    assert_eq!(faults(&two("{alert: A, expr: x}", "{alert: A, expr: y}")), Vec::<String>::new());
    assert_eq!(faults(&two("{record: a, expr: x}", "{record: a, expr: y, labels: {a: b}}")), Vec::<String>::new());
}

#[test]
fn all_faults_of_a_file_are_told_at_once() {
    let text = "groups: [{name: g, rules: [{alert: A, expr: 'sum('}, {alert: B, expr: up, for: x}, {expr: up}]}]";
    assert_eq!(faults(text).len(), 3);
}

#[test]
fn each_file_stays_as_it_last_was_good() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let mut set = RuleSet::default();
    let mut load = |patterns: &[&str]| {
        let patterns: Vec<String> = patterns.iter().map(|pattern| pattern.to_string()).collect();
        let changed = set.load(folder.path(), &patterns, Duration::from_secs(60));
        let groups: Vec<String> = set.groups().map(|group| group.name.clone()).collect();
        (changed, groups.join(" "), set.bad_files(), set.unusable().len())
    };
    write("a.yml", "groups: [{name: a1}]");
    write("b.yml", "groups: [{name: b1}]");
    assert_eq!(load(&["*.yml"]), (true, "a1 b1".into(), 0, 0));
    assert_eq!(load(&["*.yml", "a.yml"]), (false, "a1 b1".into(), 0, 0));
    write("a.yml", "groups: [{name: a2}]");
    write("b.yml", "groups: [{name: b2}, {name: b2}]");
    assert_eq!(load(&["*.yml"]), (true, "a2 b1".into(), 1, 0), "the bad file keeps what it had, the good one is new");
    write("b.yml", "groups: [{name: b3}]");
    assert_eq!(load(&["*.yml"]), (true, "a2 b3".into(), 0, 0));
    std::fs::remove_file(folder.path().join("a.yml")).unwrap();
    write("c.yml", "no rules");
    assert_eq!(load(&["*.yml"]), (true, "b3".into(), 1, 1), "what is gone is gone, what never was good is nothing");
    assert_eq!(load(&["b.yml", "none.yml"]), (true, "b3".into(), 1, 1), "a file that was named must be there");
    assert_eq!(load(&["[.yml"]), (true, String::new(), 1, 1));
}
