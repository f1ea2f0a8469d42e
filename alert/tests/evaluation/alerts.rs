//! One alert's life.

use crate::bench::Bench;

/// Evaluates a rule at 0 s, 10 s … over a series that is 1 where `seen` has `1` and stale where it has `0`; `x` is an evaluation
/// that fails. What comes out: `-` nothing, `p` pending, `f` firing, `F` fires now, `R` resolves now.
fn check(fields: &str, seen: &str, expected: &str) {
    let rules = format!("groups: [{{name: g, rules: [{{alert: Down, expr: down == 1, {fields}}}]}}]");
    let mut bench = Bench::new(&rules);
    let mut got = String::new();
    for (step, there) in seen.chars().enumerate() {
        let at = 10 * step as i64;
        bench.set("down{host=a}", at, f64::from(u8::from(there == '1')));
        let events = bench.at(at);
        let phase = bench.alerts().first().map(|alert| alert.ends_with("firing"));
        got.push(match (events.first(), phase) {
            (Some(event), _) if event.contains("firing") => 'F',
            (Some(_), _) => 'R',
            (None, Some(true)) => 'f',
            (None, Some(false)) => 'p',
            (None, None) => '-',
        });
    }
    assert_eq!(got, expected, "{fields} over {seen}");
}

#[test]
fn alerts_pend_fire_and_resolve() {
    check("", "01100", "-FfR-");
    check("for: 20s", "11110", "ppFfR");
    check("for: 20s", "110111", "pp-ppF");
    check("for: 0s", "1", "F");
    check("for: 15s", "111", "ppF");
}

#[test]
fn keep_firing_for_is_counted_from_the_first_miss() {
    check("keep_firing_for: 20s", "1010000", "FfffffR".replace("fffffR", "ffffR-").as_str());
    check("keep_firing_for: 5s", "100", "FfR");
    check("\"for\": 10s, keep_firing_for: 20s", "1100110", "pFfffff");
    check("\"for\": 20s, keep_firing_for: 20s", "1000", "p---");
}

#[test]
fn series_say_what_alerts_are() {
    let mut bench =
        Bench::new("groups: [{name: g, rules: [{alert: Down, expr: down == 1, for: 10s, labels: {severity: page}}]}]");
    for (at, value) in [(0, 1.0), (10, 1.0), (20, 1.0), (30, 0.0), (40, 0.0)] {
        bench.set("down{host=a}", at, value);
        bench.at(at);
    }
    let labels = "alertname=Down,host=a,severity=page";
    assert_eq!(bench.written(&format!("ALERTS{{{labels},alertstate=pending}}")), ["0: 1", "10: stale"]);
    assert_eq!(bench.written(&format!("ALERTS{{{labels},alertstate=firing}}")), ["10: 1", "20: 1", "30: stale"]);
    let since = bench.written(&format!("ALERTS_FOR_STATE{{{labels}}}"));
    assert_eq!(since, ["0: 0", "10: 0", "20: 0", "30: stale"]);
}

#[test]
fn events_say_who_what_and_when() {
    let mut bench = Bench::new(
        "groups:
  - name: g
    rules:
      - alert: Down
        expr: down > 1
        for: 10s
        labels: {severity: page, value: '{{ $value }}', gone: '{{ $labels.none }}'}
        annotations: {summary: '{{ $labels.host }} is {{ $value }}'}",
    );
    for (at, value) in [(0, 5.0), (10, 5.0), (20, 0.0)] {
        bench.set("down{host=a}", at, value);
        bench.at(at);
    }
    let [fired, resolved] = bench.out.events.as_slice() else { panic!("{:?}", bench.out.events) };
    let labels: Vec<_> = fired.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(labels, ["alertname=Down", "host=a", "severity=page", "value=5"], "an empty label is none");
    assert_eq!(fired.annotations["summary"], "a is 5");
    assert_eq!((fired.active_at_ms, fired.starts_at_ms, fired.evaluated_at_ms), (0, 10_000, 10_000));
    assert_eq!(fired.ends_at_ms, 10_000 + 4 * 86_400_000, "four resends, which are longer than what is caught up");
    assert_eq!((fired.value, fired.seq, fired.source.as_str()), (Some(5.0), 1, "rules.yml;g"));
    assert_eq!(fired.generator_url, "/graph?g0.expr=down+%3E+1&g0.tab=1");
    assert_eq!((resolved.starts_at_ms, resolved.ends_at_ms, resolved.seq), (10_000, 20_000, 2));
    assert_eq!(resolved.labels, fired.labels);
}

#[test]
fn a_template_that_fails_sends_the_alert_with_the_error_in_it() {
    let mut bench = Bench::new(
        "groups: [{name: g, rules: [{alert: Down, expr: down, annotations: {a: '{{ query \"sum(\" }}', b: fine}}]}]",
    );
    bench.set("down", 0, 1.0);
    assert_eq!(bench.at(0), ["Down firing 1"]);
    let annotations = &bench.out.events[0].annotations;
    assert!(annotations["a"].starts_with("<error expanding template: "), "{annotations:?}");
    assert_eq!(annotations["b"], "fine");
    let errors: Vec<_> = bench.evaluator.shown().rules().map(|rule| rule.health.template_errors).collect();
    assert_eq!(errors, [1]);
}

#[test]
fn templates_ask_the_data_of_their_time() {
    let mut bench = Bench::new(
        "groups: [{name: g, rules: [{alert: A, expr: down, annotations: {a: '{{ with query \"other\" }}{{ . | first | value }}{{ end }}'}}]}]",
    );
    bench.set("down", 0, 1.0);
    bench.set("other", 0, 7.0);
    bench.set("other", 20, 8.0);
    bench.at(0);
    assert_eq!(bench.out.events[0].annotations["a"], "7");
}

#[test]
fn two_elements_that_are_one_alert_fail_their_rule_and_nothing_else() {
    let mut bench = Bench::new(
        "groups: [{name: g, rules: [{alert: Two, expr: down, labels: {host: x}}, {alert: Down, expr: down}]}]",
    );
    bench.set("down{host=a}", 0, 1.0);
    bench.at(0);
    bench.set("down{host=b}", 10, 1.0);
    assert_eq!(bench.at(10), ["Down b firing 3"]);
    let health: Vec<_> = bench.evaluator.shown().rules().map(|rule| rule.health.clone()).collect();
    let error = health[0].last_error.as_deref().unwrap();
    assert!(error.contains("same labelset") && error.contains("Two"), "{error}");
    assert_eq!((health[0].word(), health[0].failures, health[1].word()), ("err", 1, "ok"));
    assert_eq!(bench.alerts().len(), 3, "the alert that was there stays");
}

#[test]
fn a_limit_cuts_newcomers_and_says_so() {
    let mut bench = Bench::new("groups: [{name: g, limit: 2, rules: [{alert: Down, expr: down}]}]");
    bench.set("down{host=m}", 0, 1.0);
    bench.at(0);
    for host in ["a", "b", "c"] {
        bench.set(&format!("down{{host={host}}}"), 10, 1.0);
    }
    assert_eq!(bench.at(10), ["Down a firing 2"], "the one that fires is not pushed out");
    let shown = bench.evaluator.shown();
    assert_eq!(shown.groups().next().unwrap().cut, 2);
    let health = shown.rules().next().unwrap().health.clone();
    assert_eq!(
        health.last_error.unwrap(),
        "exceeded limit of 2 with 2 more: raise the group's limit or narrow the expression"
    );
}

#[test]
fn a_failing_query_changes_no_state() {
    let mut bench = Bench::new("groups: [{name: g, rules: [{alert: Down, expr: down * on (host) other}]}]");
    bench.set("down{host=a}", 0, 1.0);
    bench.set("other{host=a}", 0, 1.0);
    assert_eq!(bench.at(0), ["Down a firing 1"]);
    bench.set("other{host=a,more=x}", 10, 1.0);
    assert_eq!(bench.at(10), Vec::<String>::new());
    assert_eq!(bench.alerts().len(), 1);
    let health = bench.evaluator.shown().rules().next().unwrap().health.clone();
    assert!(health.last_error.unwrap().contains("match"), "the engine's words are told");
    assert_eq!(bench.written("ALERTS{alertname=Down,host=a,alertstate=firing}"), ["0: 1"], "no end is written either");
}

#[test]
fn a_firing_alert_is_said_again_with_its_number() {
    use weir_alert::evaluate::Settings;
    use weir_alert::states::StateStore;
    let settings = Settings { resend: std::time::Duration::from_secs(30), ..crate::bench::plain() };
    let rules = "groups: [{name: g, rules: [{alert: Down, expr: down, annotations: {v: '{{ $value }}'}}]}]";
    let mut bench = Bench::with(rules, settings, StateStore::in_memory().unwrap());
    let mut said = Vec::new();
    for at in (0..=60).step_by(10) {
        bench.set("down", at, at as f64 + 1.0);
        said.extend(bench.at(at).into_iter().map(|event| format!("{at}: {event}")));
    }
    assert_eq!(said, ["0: Down firing 1", "30: Down firing 1", "60: Down firing 1"]);
    assert_eq!(bench.out.events[2].annotations["v"], "61");
}
