//! Event time: stalls, restarts and clocks that go wrong.

use std::time::Duration;

use weir_alert::evaluate::{Found, Local, Querier, Row, Told};
use weir_alert::rules::Expression;
use weir_query::{Engine, Limits};
use weir_sample::Timestamp;

use crate::bench::Bench;

const RULES: &str = "groups: [{name: g, rules: [{record: r, expr: x}, {alert: High, expr: x > 5, for: 30s}]}]";

fn told(now: i64, complete: i64) -> Told {
    Told { complete_to: Some(Timestamp::from_secs(complete)), ..Told::complete_at(Timestamp::from_secs(now)) }
}

#[test]
fn rules_wait_for_data_and_catch_up_in_order() {
    let mut bench = Bench::new(RULES);
    for at in (0..=600).step_by(10) {
        let value = if (200..=240).contains(&at) { 9.0 } else { 1.0 };
        bench.set("x", at, value);
    }
    bench.told(told(100, 100));
    // Five minutes in which nothing comes through.
    for now in (110..400).step_by(10) {
        assert_eq!(bench.told(told(now, 100)), Vec::<String>::new());
    }
    assert_eq!(bench.told(told(400, 400)), ["High firing 1", "High resolved 2"]);
    let times: Vec<i64> = bench.out.events.iter().map(|event| event.evaluated_at_ms / 1_000).collect();
    assert_eq!(times, [230, 250], "to the window, in event time");
    let recorded = bench.written("r");
    assert_eq!(recorded.len(), 31, "no gap: {recorded:?}");
    assert!(bench.history().iter().all(|entry| !entry.contains("skipped")));
}

#[test]
fn a_stall_neither_resolves_nor_fires() {
    let mut bench =
        Bench::new("groups: [{name: g, rules: [{alert: Steady, expr: x > 5}, {alert: Gone, expr: absent(x)}]}]");
    bench.set("x", 0, 9.0);
    assert_eq!(bench.told(told(0, 0)), ["Steady firing 1"]);
    for now in (10..=900).step_by(10) {
        assert_eq!(bench.told(told(now, 0)), Vec::<String>::new(), "at {now}");
    }
    for at in (10..=900).step_by(10) {
        bench.set("x", at, 9.0);
    }
    assert_eq!(bench.told(told(900, 900)), Vec::<String>::new());
    assert_eq!(bench.alerts().len(), 1);
}

#[test]
fn what_is_too_far_behind_is_left_out_and_recorded() {
    let mut bench = Bench::new(RULES);
    for at in (0..=10_000).step_by(10) {
        bench.set("x", at, 9.0);
    }
    bench.told(told(10, 10));
    bench.told(told(10_000, 10_000));
    assert_eq!(bench.evaluator.counters().skipped, (6_400 - 20) / 10);
    assert_eq!(bench.written("r")[1..3], ["6400: 9", "6410: 9"]);
    let skipped = bench.evaluator.store().history().entries(0, i64::MAX, 100, |entry| entry.count.is_some()).unwrap();
    assert_eq!((skipped[0].at_ms, skipped[0].count), (6_400_000, Some(638)));
    let fired = bench.out.events.iter().find(|event| event.seq == 1).unwrap();
    assert_eq!(fired.evaluated_at_ms, 6_420_000, "time that was left out does not count for what has to last 30 s");
}

#[test]
fn nothing_is_evaluated_before_its_time() {
    let mut bench = Bench::new(RULES);
    bench.set("x", 20, 1.0);
    bench.told(told(15, 1_000));
    bench.told(told(19, 1_000));
    assert!(bench.out.rows.is_empty(), "{:?}", bench.out.rows);
    bench.told(told(20, 1_000));
    assert_eq!(bench.written("r"), ["20: 1"]);
}

#[test]
fn a_clock_that_steps_back_a_little_is_waited_for() {
    let mut bench = Bench::new(RULES);
    bench.set("x", 1_000, 9.0);
    bench.at(1_000);
    for now in (950..1_010).step_by(10) {
        bench.at(now);
        assert_eq!(bench.written("r"), ["1000: 9"], "at {now}");
    }
    bench.set("x", 1_010, 9.0);
    bench.at(1_010);
    assert_eq!(bench.written("r"), ["1000: 9", "1010: 9"]);
}

#[test]
fn after_a_clock_that_was_years_ahead_a_group_begins_anew() {
    let mut bench = Bench::new(RULES);
    let ahead = 100_000_000;
    for at in [ahead, ahead + 10, ahead + 20, ahead + 30] {
        bench.set("x", at, 9.0);
        bench.at(at);
    }
    assert_eq!(bench.out.events.len(), 1);
    bench.set("x", 1_000, 9.0);
    assert_eq!(bench.at(1_000), Vec::<String>::new(), "what fires goes on firing");
    assert!(bench.history().contains(&"1000 clock_back".to_owned()));
    bench.set("x", 1_010, 0.0);
    assert_eq!(bench.at(1_010), ["High resolved 2"]);
    assert_eq!(bench.out.events[1].starts_at_ms, 1_000_000, "it cannot have begun in the future");
}

#[test]
fn another_interval_goes_on_from_where_the_group_was() {
    let mut bench = Bench::new(RULES);
    for at in (0..=100).step_by(5) {
        bench.set("x", at, 9.0);
    }
    for at in [0, 10, 20] {
        bench.at(at);
    }
    let faster = RULES.replace("name: g,", "name: g, interval: 5s,");
    bench.load(&crate::bench::groups("rules.yml", &faster));
    assert_eq!(bench.at(31), ["High firing 1"], "pending since 0 s");
    assert_eq!(bench.written("r"), ["0: 9", "10: 9", "20: 9", "25: 9", "30: 9"]);
    let slower = RULES.replace("name: g,", "name: g, interval: 40s,");
    bench.load(&crate::bench::groups("rules.yml", &slower));
    bench.at(80);
    assert_eq!(bench.written("r")[5..], ["40: 9", "80: 9"]);
}

#[expect(clippy::disallowed_methods, reason = "what a query takes is the machine's time")]
fn pass(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// A store in which whatever reads `heavy` takes long.
struct Heavy<'a>(Local<'a>);

impl Querier for Heavy<'_> {
    fn query(&self, expression: &Expression, at: Timestamp) -> Result<Found, String> {
        if format!("{expression:?}").contains("heavy") {
            pass(300);
        }
        self.0.query(expression, at)
    }

    fn note(&self, rows: &[Row]) {
        self.0.note(rows);
    }
}

/// Evaluates all that is due up to a second; how many rows of `light` had been written before each of `heavy`.
fn behind_heavy(bench: &mut Bench, second: i64) -> Vec<usize> {
    let (mut before, from) = (Vec::new(), bench.out.rows.len());
    loop {
        let local = Local::new(Engine::new(Limits::default()), &bench.memory, &bench.overlay);
        let turn = bench.evaluator.turn(&told(second, second), &Heavy(local), &mut bench.out);
        let rows = &bench.out.rows[from..];
        let of = |name: &str| rows.iter().filter(|row| row.series.name() == name).count();
        before.resize(of("heavy:copy"), of("light:copy"));
        // A slow group that rests is due again later.
        if turn.evaluated == 0 && !turn.more {
            pass(50);
            if of("light:copy") >= 10 && before.len() >= 10 {
                return before;
            }
        }
        assert!(turn.failure.is_none() && before.len() <= 10, "{turn:?}");
    }
}

const LIGHT_AND_HEAVY: &str = "groups: [{name: l, rules: [{record: 'light:copy', expr: light}]}, \
                               {name: h, rules: [{record: 'heavy:copy', expr: heavy}]}]";

#[test]
fn a_slow_group_has_not_every_turn_and_no_gap() {
    let mut bench = Bench::new(LIGHT_AND_HEAVY);
    for at in (0..=100).step_by(10) {
        bench.set("light", at, 1.0);
        bench.set("heavy", at, 1.0);
    }
    let local = Local::new(Engine::new(Limits::default()), &bench.memory, &bench.overlay);
    bench.evaluator.turn(&told(0, 0), &Heavy(local), &mut bench.out);
    let before = behind_heavy(&mut bench, 100);
    assert!(before[2] == 10, "light ones are done long before: {before:?}");
    assert_eq!(bench.written("heavy:copy").len(), 11, "nothing is left out");
}

#[test]
fn a_group_that_cannot_keep_up_leaves_out_what_was_long_ago() {
    let mut bench = Bench::new(&LIGHT_AND_HEAVY.replace("{name: h,", "{name: h, interval: 500ms,"));
    for at in 0..=100 {
        bench.set("light", at, 1.0);
        bench.set("heavy", at, 1.0);
    }
    let turn = |bench: &mut Bench, second| {
        let local = Local::new(Engine::new(Limits::default()), &bench.memory, &bench.overlay);
        bench.evaluator.turn(&told(second, second), &Heavy(local), &mut bench.out)
    };
    turn(&mut bench, 0);
    pass(400);
    turn(&mut bench, 100);
    assert_eq!(bench.evaluator.counters().skipped, 195, "all but the last four of its intervals");
    assert_eq!(bench.written("heavy:copy").len(), 2);
}
