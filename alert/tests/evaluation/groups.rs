//! Groups: order, recording rules, what one reads of another.

use weir_alert::evaluate::Told;
use weir_sample::Timestamp;

use crate::bench::{Bench, groups};

#[test]
fn a_rule_sees_what_the_one_before_it_recorded_at_the_same_time() {
    let mut bench = Bench::new(
        "groups: [{name: g, rules: [{record: twice, expr: x * 2}, {record: four, expr: twice * 2, labels: {a: b}}, \
         {alert: High, expr: four > 10}, {alert: Chained, expr: 'ALERTS{alertname=\"High\",alertstate=\"firing\"}'}]}]",
    );
    bench.set("x{host=a}", 0, 3.0);
    assert_eq!(bench.at(0), ["High a firing 1", "Chained a firing 2"]);
    assert_eq!(bench.written("twice{host=a}"), ["0: 6"]);
    assert_eq!(bench.written("four{host=a,a=b}"), ["0: 12"]);
}

#[test]
fn what_is_on_its_way_to_the_store_is_seen_until_it_is_there() {
    let mut bench =
        Bench::new("groups: [{name: g, rules: [{record: r, expr: x}, {record: sum, expr: 'sum_over_time(r[30s])'}]}]");
    for at in [0, 10, 20] {
        bench.set("x", at, 1.0);
        bench.at(at);
    }
    assert_eq!(bench.written("sum"), ["0: 1", "10: 2", "20: 3"]);
    assert_eq!(bench.overlay.len(), 3, "sum is read by nobody");
    bench.overlay.applied(Timestamp::from_secs(10));
    assert_eq!(bench.overlay.len(), 1);
    for at in [0, 10] {
        bench.set("r", at, 1.0);
    }
    bench.set("x", 30, 1.0);
    bench.at(30);
    assert_eq!(bench.written("sum").last().unwrap(), "30: 3", "stored rows and those on their way count once each");
}

#[test]
fn a_group_waits_for_the_one_it_reads_from() {
    let mut bench = Bench::new(
        "groups: [{name: a, rules: [{alert: Late, expr: r > 1}]}, {name: z, rules: [{record: r, expr: x}]}]",
    );
    bench.set("x", 0, 1.0);
    bench.at(0);
    bench.set("x", 10, 2.0);
    bench.set("x", 20, 0.0);
    bench.set("x", 30, 0.0);
    // At one turn all three instants are due; the reader at 20 s must see what the other recorded at 10 s, and not of 30 s.
    assert_eq!(bench.at(30), ["Late firing 1", "Late resolved 2"]);
    let seen: Vec<i64> = bench.out.events.iter().map(|event| event.evaluated_at_ms / 1_000).collect();
    assert_eq!(seen, [20, 30], "at 10 s the group a comes first");
}

#[test]
fn recorded_series_end_where_their_result_does() {
    let mut bench = Bench::new("groups: [{name: g, rules: [{record: r, expr: x > 1}]}]");
    for (at, value) in [(0, 2.0), (10, 3.0), (20, 0.0), (30, 0.0), (40, 5.0)] {
        bench.set("x{host=a}", at, value);
        bench.at(at);
    }
    assert_eq!(bench.written("r{host=a}"), ["0: 2", "10: 3", "20: stale", "40: 5"]);
}

#[test]
fn two_elements_that_are_one_series_fail_their_rule() {
    let mut bench = Bench::new("groups: [{name: g, rules: [{record: r, expr: x, labels: {host: h}}]}]");
    bench.set("x{host=a}", 0, 1.0);
    bench.set("x{host=b}", 0, 2.0);
    bench.at(0);
    assert!(bench.out.rows.is_empty());
    let health = bench.evaluator.shown().rules().next().unwrap().health.clone();
    assert!(health.last_error.unwrap().contains("same labelset"));
}

#[test]
fn a_limit_cuts_what_is_recorded() {
    let mut bench = Bench::new("groups: [{name: g, limit: 2, rules: [{record: r, expr: x}]}]");
    for host in ["c", "a", "b"] {
        bench.set(&format!("x{{host={host}}}"), 0, 1.0);
    }
    bench.at(0);
    let hosts: Vec<_> = bench.out.rows.iter().map(|row| row.series.label("host").unwrap().to_owned()).collect();
    assert_eq!(hosts, ["a", "b"]);
}

#[test]
fn with_a_query_offset_data_are_asked_and_rows_written_that_much_earlier() {
    let mut bench = Bench::new(
        "groups: [{name: g, query_offset: 20s, rules: [{record: r, expr: x}, {alert: A, expr: x, for: 10s}]}]",
    );
    for at in (0..60).step_by(10) {
        bench.set("x", at, at as f64);
    }
    bench.at(30);
    assert_eq!(bench.at(40), ["A firing 1"]);
    assert_eq!(bench.written("r"), ["10: 10", "20: 20"]);
    assert_eq!(bench.out.events[0].starts_at_ms, 40_000, "an alert starts at the time of its evaluation");
    assert_eq!(bench.written("ALERTS{alertname=A,alertstate=firing}"), ["20: 1"]);
}

#[test]
fn data_that_are_late_by_less_than_the_offset_hold_nothing_up() {
    let mut bench = Bench::new("groups: [{name: g, query_offset: 20s, rules: [{record: r, expr: x}]}]");
    bench.set("x", 10, 1.0);
    let complete_to = Some(Timestamp::from_secs(10));
    bench.told(Told { complete_to, ..Told::complete_at(Timestamp::from_secs(35)) });
    assert_eq!(bench.written("r"), ["10: 1"]);
}

#[test]
fn many_groups_at_once_give_what_one_after_another_gives() {
    use weir_alert::evaluate::Settings;
    use weir_alert::states::StateStore;
    let rules: String = (0..40)
        .map(|n| {
            format!("  - {{name: g{n}, rules: [{{record: r{n}, expr: x + {n}}}, {{alert: A{n}, expr: r{n} > 20}}]}}\n")
        })
        .collect();
    let run = |workers: usize| {
        let settings = Settings { workers, ..crate::bench::plain() };
        let mut bench = Bench::with(&format!("groups:\n{rules}"), settings, StateStore::in_memory().unwrap());
        for at in [0, 10, 20] {
            bench.set("x", at, at as f64);
            bench.at(at);
        }
        (bench.out.rows, bench.out.events)
    };
    let one = run(1);
    assert!(one.1.len() > 20 && one.0.len() > 100);
    assert_eq!(run(4), one);
}

#[test]
fn groups_are_spread_over_their_interval() {
    use weir_alert::evaluate::Settings;
    use weir_alert::states::StateStore;
    let rules: String =
        (0..50).map(|n| format!("  - {{name: g{n}, rules: [{{record: r{n}, expr: vector(1)}}]}}\n")).collect();
    let settings = Settings { spread: true, ..crate::bench::plain() };
    let mut bench = Bench::with(&format!("groups:\n{rules}"), settings, StateStore::in_memory().unwrap());
    bench.at(0);
    bench.out.rows.clear();
    bench.at(5);
    let half = bench.out.rows.len();
    bench.at(10);
    assert!((10..40).contains(&half), "{half} of 50 groups came within half of their interval");
    assert_eq!(bench.out.rows.len(), 50);
    assert_eq!(groups("rules.yml", &format!("groups:\n{rules}")).len(), 50);
}
