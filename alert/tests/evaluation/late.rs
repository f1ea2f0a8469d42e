//! Data that do not come: late is not resolved, and no data is neither.

use weir_alert::evaluate::LeftOut;
use weir_sample::Timestamp;

use crate::bench::Bench;

fn firing_on_two_hosts(rule: &str) -> Bench {
    let mut bench = Bench::new(&format!("groups: [{{name: g, rules: [{rule}]}}]"));
    for host in ["a", "b"] {
        bench.set(&format!("x{{host={host}}}"), 0, 9.0);
    }
    assert!(!bench.at(0).is_empty());
    bench
}

#[test]
fn an_alert_whose_host_is_left_out_is_late_until_it_is_heard_again() {
    let mut bench = firing_on_two_hosts("{alert: High, expr: x > 5}");
    bench.left_out.insert(0, "a");
    for at in (10..=1_000).step_by(10) {
        bench.set("x{host=b}", at, 9.0);
        assert_eq!(bench.at(at), Vec::<String>::new(), "at {at}");
    }
    let alerts = bench.alerts();
    assert_eq!(alerts, ["{alertname=\"High\", host=\"a\"} firing late", "{alertname=\"High\", host=\"b\"} firing"]);
    bench.left_out = LeftOut::default();
    bench.set("x{host=a}", 1_010, 9.0);
    bench.set("x{host=b}", 1_010, 0.0);
    assert_eq!(bench.at(1_010), ["High b resolved 3"], "a complete alert does resolve");
    bench.set("x{host=a}", 1_020, 0.0);
    assert_eq!(bench.at(1_020), ["High a resolved 4"]);
    let history = bench.history();
    assert!(history.contains(&"310 late".to_owned()) || history.iter().any(|e| e.ends_with(" late")), "{history:?}");
    assert!(history.contains(&"1010 heard".to_owned()), "{history:?}");
}

#[test]
fn a_host_that_is_left_out_keeps_no_alert_of_another_host_from_resolving() {
    let mut bench = firing_on_two_hosts("{alert: High, expr: 'avg by (host) (x) > 5'}");
    bench.left_out.insert(0, "a");
    bench.set("x{host=b}", 10, 0.0);
    assert_eq!(bench.at(10), ["High b resolved 3"]);
    let mut bench = firing_on_two_hosts("{alert: High, expr: 'x > on () group_left () avg(x) - 1'}");
    bench.left_out.insert(0, "a");
    bench.set("x{host=b}", 10, 0.0);
    assert_eq!(bench.at(10), Vec::<String>::new(), "what it is compared with has the lost host in it");
}

#[test]
fn a_host_of_another_tenant_makes_no_alert_late() {
    let rules = "{alert: High, expr: x > 5}, {alert: Sum, expr: 'sum by (host) (x) > 5'}";
    let mut bench = Bench::new(&format!("groups: [{{name: g, rules: [{rules}]}}]"));
    bench.set("x{host=a,tenant=3}", 0, 9.0);
    bench.set("x{host=a,tenant=7}", 0, 9.0);
    assert_eq!(bench.at(0).len(), 3);
    bench.left_out.insert(7, "a");
    let mut events = Vec::new();
    for at in (10..=400).step_by(10) {
        events.extend(bench.at(at));
    }
    // Of the alert that lost the label of its tenant nobody knows.
    assert_eq!(events, ["High a resolved 4"]);
    let late = "{alertname=\"High\", host=\"a\", tenant=\"7\"} firing late";
    assert_eq!(bench.alerts(), [late, "{alertname=\"Sum\", host=\"a\"} firing late"]);
}

#[test]
fn a_host_that_said_goodbye_takes_its_alerts_with_it() {
    let mut bench = firing_on_two_hosts("{alert: High, expr: x > 5}");
    let mut events = Vec::new();
    for at in (10..=400).step_by(10) {
        bench.set("x{host=b}", at, 9.0);
        events.extend(bench.at(at));
    }
    assert_eq!(events, ["High a resolved 3"]);
}

#[test]
fn an_alert_over_many_hosts_is_late_while_it_reads_one_that_is_left_out() {
    let mut bench = firing_on_two_hosts("{alert: Sum, expr: 'sum(avg_over_time(x[1m])) > 15'}");
    bench.left_out.insert(0, "a");
    // b alone would not do; whether a would, nobody knows while its samples are within the minute that the rule reads.
    let mut events = Vec::new();
    for at in (10..=50).step_by(10) {
        bench.set("x{host=b}", at, 0.1);
        events.extend(bench.at(at));
    }
    assert_eq!(events, Vec::<String>::new());
    for at in (60..=120).step_by(10) {
        bench.set("x{host=b}", at, 0.1);
        events.extend(bench.at(at).into_iter().map(|event| format!("{at}: {event}")));
    }
    assert_eq!(events, ["60: Sum resolved 2"], "then a is no part of it any more");
}

#[test]
fn hosts_that_a_rule_does_not_read_hold_nothing_up() {
    let mut bench = firing_on_two_hosts("{alert: Sum, expr: 'sum(x{host=\"b\"}) > 5'}");
    bench.left_out.insert(0, "a");
    bench.set("x{host=b}", 10, 0.0);
    assert_eq!(bench.at(10), ["Sum resolved 2"]);
}

#[test]
fn time_in_which_nobody_knows_does_not_count_for_what_has_to_last() {
    let mut bench =
        Bench::new("groups: [{name: g, rules: [{alert: High, expr: 'last_over_time(x[5s]) > 5', for: 30s}]}]");
    bench.set("x{host=a}", 0, 9.0);
    bench.at(0);
    bench.left_out.insert(0, "a");
    for at in (10..=100).step_by(10) {
        assert_eq!(bench.at(at), Vec::<String>::new());
        assert_eq!(bench.alerts(), ["{alertname=\"High\", host=\"a\"} pending late"]);
    }
    bench.left_out = LeftOut::default();
    let mut events = Vec::new();
    for at in (110..=150).step_by(10) {
        bench.set("x{host=a}", at, 9.0);
        events.extend(bench.at(at).into_iter().map(|event| format!("{at}: {event}")));
    }
    assert_eq!(events, ["130: High a firing 1"], "0 s and 110 s to 130 s are the 30 s, without the gap");
}

#[test]
fn no_data_at_all_is_told_apart() {
    let mut bench = Bench::new(
        "groups: [{name: g, rules: [{alert: High, expr: 'last_over_time(x[5s]) > 5'}, {record: r, expr: y}]}]",
    );
    bench.set("x", 0, 9.0);
    bench.at(0);
    assert_eq!(bench.at(10), ["High resolved 2"]);
    assert_eq!(bench.history(), ["0 pending", "0 firing", "10 no_data"]);
    let no_data: Vec<bool> = bench.evaluator.shown().rules().map(|rule| rule.health.no_data).collect();
    assert_eq!(no_data, [true, true]);
    bench.set("x", 20, 1.0);
    bench.at(20);
    let no_data: Vec<bool> = bench.evaluator.shown().rules().map(|rule| rule.health.no_data).collect();
    assert_eq!(no_data, [false, true], "false is not nothing");
}

/// A store that says of every answer that something of it is elsewhere.
struct Elsewhere<'m>(&'m weir_query::table::Memory);

impl weir_query::Source for Elsewhere<'_> {
    fn select(
        &self,
        selection: &weir_query::Selection<'_>,
        each: weir_query::Each<'_>,
    ) -> Result<weir_query::Answered, weir_query::QueryError> {
        Ok(weir_query::Answered { partial: true, ..self.0.select(selection, each)? })
    }

    fn series(
        &self,
        matchers: &[weir_query::Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: weir_query::Allow<'_>,
    ) -> Result<Vec<(weir_sample::Series, weir_sample::Kind)>, weir_query::QueryError> {
        self.0.series(matchers, start, end, allow)
    }

    fn label_names(
        &self,
        matchers: &[weir_query::Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: weir_query::Allow<'_>,
    ) -> Result<Vec<String>, weir_query::QueryError> {
        self.0.label_names(matchers, start, end, allow)
    }

    fn label_values(
        &self,
        label: &str,
        matchers: &[weir_query::Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: weir_query::Allow<'_>,
    ) -> Result<Vec<String>, weir_query::QueryError> {
        self.0.label_values(label, matchers, start, end, allow)
    }
}

#[test]
fn a_store_that_lacks_something_resolves_nothing() {
    use weir_alert::evaluate::{Local, Told};
    let mut bench = firing_on_two_hosts("{alert: High, expr: x > 5}");
    bench.set("x{host=a}", 10, 0.0);
    bench.set("x{host=b}", 10, 9.0);
    let elsewhere = Elsewhere(&bench.memory);
    let local = Local::new(weir_query::Engine::default(), &elsewhere, &bench.overlay);
    bench.evaluator.turn(&Told::complete_at(Timestamp::from_secs(10)), &local, &mut bench.out);
    assert_eq!(bench.out.events.len(), 2, "both fired before");
    assert_eq!(bench.alerts()[0], "{alertname=\"High\", host=\"a\"} firing late");
    bench.set("x{host=a}", 20, 0.0);
    assert_eq!(bench.at(20), ["High a resolved 3"]);
}
