//! `weir alert test`: verdicts are promtool's. With `WEIR_PROMTOOL` set to one, each file is judged by it as well.

use std::path::Path;

use weir_alert::tools::{Verdict, run_tests};

const RULES: &str = r#"groups:
  - name: g1
    interval: 15s
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: InstanceDown
        expr: up == 0
        for: 5m
        labels:
          severity: page
        annotations:
          summary: "Instance {{ $labels.instance }} down"
          description: "{{ $labels.instance }} has been down. {{ $value }} {{ $labels }}"
      - alert: JobLow
        expr: job:up:sum < 1
        keep_firing_for: 3m
        annotations:
          summary: "{{ printf \"%.2f\" $value }} {{ humanize 1234567.0 }}"
  - name: g2
    rules:
      - alert: AlertsFiring
        expr: count(ALERTS{alertstate="firing",alertname="InstanceDown"}) > 0
"#;

const SERIES: &str = r#"      - series: 'up{job="p", instance="a"}'
        values: '0 0 0 0 0 0 0 0 0 0 0 0 0 0 0'
      - series: 'up{job="n", instance="b"}'
        values: '1+0x6 0 0 0 0 0 0 0 0 1x4 _x5 stale'
      - series: 'c{a="b"}'
        values: '0+10x20'
"#;

fn judge(tests: &str) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yml"), RULES).unwrap();
    let file = folder.path().join("test.yml");
    let head =
        "rule_files: [rules.yml]\nevaluation_interval: 1m\ngroup_eval_order: [g1, g2]\ntests:\n  - interval: 1m\n";
    std::fs::write(&file, format!("{head}    input_series:\n{SERIES}{tests}")).unwrap();
    let verdict = run_tests(&file).unwrap();
    if let Some(promtool) = std::env::var_os("WEIR_PROMTOOL") {
        let judged = std::process::Command::new(promtool).args(["test", "rules"]).arg(&file).output().unwrap();
        assert_eq!(judged.status.success(), verdict.failures.is_empty(), "{verdict:?}\n{judged:?}");
    }
    verdict
}

fn alerts(time: &str, name: &str, expected: &str) -> Verdict {
    judge(&format!(
        "    alert_rule_test:\n      - eval_time: {time}\n        alertname: {name}\n        exp_alerts: {expected}\n"
    ))
}

fn samples(time: &str, expr: &str, expected: &str) -> Verdict {
    judge(&format!(
        "    promql_expr_test:\n      - expr: {expr}\n        eval_time: {time}\n        exp_samples: {expected}\n"
    ))
}

fn passes(verdict: &Verdict) {
    assert_eq!((verdict.failures.as_slice(), verdict.checks), (&[] as &[String], 1));
}

fn fails(verdict: &Verdict, part: &str) {
    let [failure] = verdict.failures.as_slice() else { panic!("{verdict:?}") };
    assert!(failure.contains(part), "{failure}");
}

#[test]
fn alerts_are_compared_at_their_evaluation() {
    let down = |instance: &str, job: &str| {
        format!(
            "[{{exp_labels: {{severity: page, instance: {instance}, job: {job}}}, exp_annotations: {{summary: Instance {instance} \
             down, description: '{instance} has been down. 0 map[__name__:up instance:{instance} job:{job}]'}}}}]"
        )
    };
    passes(&alerts("10m", "InstanceDown", &down("a", "p")));
    passes(&alerts("4m59s", "InstanceDown", "[]"));
    fails(&alerts("5m", "InstanceDown", "[]"), "alertname: InstanceDown, time: 5m, exp:[], got:[");
    fails(&alerts("10m", "InstanceDown", &down("b", "n")), "exp:[");
    fails(&alerts("10m", "InstanceDown", &down("a", "p").replace("severity: page, ", "")), "got:[");
    passes(&alerts("6m", "AlertsFiring", "[{exp_labels: {}}]"));
    passes(&alerts("6m", "NoSuchAlert", "[]"));
    fails(&alerts("6m", "NoSuchAlert", "[{exp_labels: {}}]"), "got:[]");
}

#[test]
fn keep_firing_for_and_templates_are_those_of_prometheus() {
    let low = |jobs: &[&str]| {
        let one = |job: &&str| format!("{{exp_labels: {{job: {job}}}, exp_annotations: {{summary: 0.00 1.235M}}}}");
        format!("[{}]", jobs.iter().map(one).collect::<Vec<_>>().join(", "))
    };
    passes(&alerts("16m", "JobLow", &low(&["p", "n"])));
    passes(&alerts("18m", "JobLow", &low(&["p"])));
}

#[test]
fn expressions_are_evaluated_over_series_and_what_rules_wrote() {
    passes(&samples(
        "3m",
        "job:up:sum",
        "[{labels: 'job:up:sum{job=\"p\"}', value: 0}, {labels: 'job:up:sum{job=\"n\"}', value: 1}]",
    ));
    let pending =
        "ALERTS{alertname=\"InstanceDown\",alertstate=\"pending\",instance=\"a\",job=\"p\",severity=\"page\"}";
    let firing = "ALERTS{alertname=\"JobLow\",alertstate=\"firing\",job=\"p\"}";
    passes(&samples("2m", "ALERTS", &format!("[{{labels: '{pending}', value: 1}}, {{labels: '{firing}', value: 1}}]")));
    let since = "ALERTS_FOR_STATE{alertname=\"InstanceDown\",instance=\"b\",job=\"n\",severity=\"page\"}";
    passes(&samples("9m", "'ALERTS_FOR_STATE{instance=\"b\"}'", &format!("[{{labels: '{since}', value: 420}}]")));
    passes(&samples("10m", "delta(c[5m])", "[{labels: '{a=\"b\"}', value: 50}]"));
    fails(&samples("10m", "delta(c[5m])", "[{labels: '{a=\"b\"}', value: 51}]"), "got: {a=\"b\"} 50");
    fails(&samples("10m", "delta(c[5m])", "[]"), "exp: nil");
    passes(&samples("1m", "1 + 1", "[{value: 2}]"));
    fails(&samples("1m", "sum(", "[]"), "err:");
}

#[test]
fn a_rule_that_fails_fails_the_test() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("rules.yml", "groups: [{name: g, limit: 1, rules: [{record: r, expr: x}]}]");
    let test = "rule_files: ['*.yml']\ntests: [{interval: 1m, input_series: [{series: 'x{a=\"1\"}', values: 1}, {series: \
                'x{a=\"2\"}', values: '1'}], promql_expr_test: [{expr: x, eval_time: 0, exp_samples: []}]}]";
    write("test.yaml", test);
    let verdict = run_tests(&folder.path().join("test.yaml")).unwrap();
    assert!(verdict.failures[0].contains("rule: r, time: 0s, err: exceeded limit of 1"), "{verdict:?}");
}

#[test]
fn what_cannot_be_run_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.yml");
    let check = |text: &str, part: &str| {
        std::fs::write(&path, text).unwrap();
        let error = run_tests(&path).unwrap_err();
        assert!(error.contains(part), "{error}");
    };
    check("tests:\n  - intervall: 1m\n", "test.yml:2:5");
    check("rule_files: [none.yml]\n", "none.yml");
    check("group_eval_order: [a, a]\n", "repeated");
    assert!(run_tests(Path::new("/nowhere/test.yml")).unwrap_err().contains("cannot read /nowhere/test.yml"));
}
