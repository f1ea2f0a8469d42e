//! What the API and the metrics tell.

use serde_json::{Value, json};
use weir_alert::evaluate::Wanted;

use crate::bench::Bench;

const RULES: &str = "groups:
  - name: a
    limit: 5
    rules:
      - {record: r, expr: x, labels: {l: v}}
      - {alert: High, expr: x > 5, for: 10s, keep_firing_for: 1m, labels: {s: page}, annotations: {t: '{{ $value }}'}}
      - {alert: None, expr: y > 5}
  - name: b
    rules:
      - {alert: Pending, expr: x > 5, for: 1h}
      - {alert: Bad, expr: x + on () x}
";

fn bench() -> Bench {
    let mut bench = Bench::new(RULES);
    for at in [0, 10] {
        bench.set("x{host=a}", at, 9.0);
        bench.set("x{host=b}", at, 1.0);
        bench.at(at);
    }
    bench
}

fn rules(bench: &Bench, wanted: &Wanted) -> Value {
    serde_json::to_value(bench.evaluator.shown().rules_answer(wanted, &|_| true)).unwrap()
}

/// Group and rule names of an answer.
fn names(answer: &Value) -> String {
    let rule = |rule: &Value| rule["name"].as_str().unwrap().to_owned();
    let group = |group: &Value| {
        let rules: Vec<String> = group["rules"].as_array().unwrap().iter().map(rule).collect();
        format!("{}: {}", group["name"].as_str().unwrap(), rules.join(" "))
    };
    answer["groups"].as_array().unwrap().iter().map(group).collect::<Vec<_>>().join("; ")
}

#[test]
fn rules_are_told_as_by_prometheus() {
    let mut answer = rules(&bench(), &Wanted::default());
    for group in answer["groups"].as_array_mut().unwrap() {
        group["evaluationTime"] = json!(0);
        group["rules"].as_array_mut().unwrap().iter_mut().for_each(|rule| rule["evaluationTime"] = json!(0));
    }
    let at = "1970-01-01T00:00:10.000Z";
    let alert = json!({
        "labels": {"alertname": "High", "host": "a", "s": "page"}, "annotations": {"t": "9"}, "state": "firing",
        "activeAt": "1970-01-01T00:00:00.000Z", "value": "9e+00",
    });
    assert_eq!(
        answer["groups"][0],
        json!({
            "name": "a", "file": "rules.yml", "interval": 10.0, "limit": 5, "evaluationTime": 0, "lastEvaluation": at,
            "rules": [
                {"type": "recording", "name": "r", "query": "x", "labels": {"l": "v"}, "health": "ok", "evaluationTime": 0,
                 "lastEvaluation": at},
                {"type": "alerting", "name": "High", "query": "x > 5", "labels": {"s": "page"}, "state": "firing",
                 "duration": 10.0, "keepFiringFor": 60.0, "annotations": {"t": "{{ $value }}"}, "alerts": [alert],
                 "health": "ok", "evaluationTime": 0, "lastEvaluation": at},
                {"type": "alerting", "name": "None", "query": "y > 5", "labels": {}, "state": "inactive", "duration": 0.0,
                 "keepFiringFor": 0.0, "annotations": {}, "alerts": [], "health": "ok", "noData": true, "evaluationTime": 0,
                 "lastEvaluation": at},
            ],
        })
    );
    let bad = &answer["groups"][1]["rules"][1];
    assert_eq!((&bad["health"], bad["lastError"].is_string()), (&json!("err"), true));
    assert_eq!(answer["groups"][1]["rules"][0]["state"], "pending");
}

#[test]
fn rules_are_filtered_and_paged() {
    let bench = bench();
    let check = |wanted: Wanted, expected: &str| assert_eq!(names(&rules(&bench, &wanted)), expected, "{wanted:?}");
    let text = |text: &str| vec![text.to_owned()];
    check(Wanted { kind: Some("record".into()), ..Wanted::default() }, "a: r");
    check(Wanted { names: text("Bad"), ..Wanted::default() }, "b: Bad");
    check(Wanted { groups: text("b"), ..Wanted::default() }, "b: Pending Bad");
    check(Wanted { files: text("other.yml"), ..Wanted::default() }, "");
    let first = rules(&bench, &Wanted { most_groups: 1, ..Wanted::default() });
    assert_eq!(names(&first), "a: r High None");
    let from = first["groupNextToken"].as_str().map(str::to_owned);
    let rest = rules(&bench, &Wanted { most_groups: 1, from, ..Wanted::default() });
    assert_eq!((names(&rest).as_str(), rest.get("groupNextToken")), ("b: Pending Bad", None));
    let without = rules(&bench, &Wanted { without_alerts: true, ..Wanted::default() });
    assert_eq!(without["groups"][0]["rules"][1].get("alerts"), None);
}

#[test]
fn alerts_are_told_with_what_is_late() {
    let mut bench = bench();
    bench.left_out.insert("a".to_owned());
    bench.at(500);
    let answer = serde_json::to_value(bench.evaluator.shown().alerts_answer(&|_| true)).unwrap();
    let told: Vec<_> = answer["alerts"].as_array().unwrap().iter().map(|a| (&a["state"], &a["late"])).collect();
    assert_eq!(told, [(&json!("firing"), &json!(true)), (&json!("pending"), &json!(true))]);
}

#[test]
fn metrics_tell_how_things_stand() {
    let bench = bench();
    let value = |name: &str| {
        bench.evaluator.readings().into_iter().find(|reading| reading.series.name() == name).unwrap().value
    };
    assert_eq!(value("weir_alert_evaluations_total"), 4.0);
    assert_eq!(value("weir_alert_rules"), 5.0);
    assert_eq!(value("weir_alert_failing_rules"), 1.0);
    assert_eq!(value("weir_alert_rule_failures_total"), 2.0);
    assert_eq!(value("weir_alert_rules_without_data"), 1.0);
    assert_eq!(value("weir_alert_evaluated_to_timestamp_seconds"), 10.0);
    assert_eq!(value("weir_alert_events_total"), 1.0);
}
