//! Rules over what is stored already.

use weir_alert::evaluate::{Found, LeftOut, Local, Overlay, Querier, Row, Settings};
use weir_alert::rules::Expression;
use weir_alert::tools::{Before, Replayed, replay, replay_while};
use weir_query::table::Memory;
use weir_query::{Engine, Limits};
use weir_sample::Timestamp;

use crate::bench::{Bench, groups, series_of, told_event};

const RULES: &str = "groups: [{name: g, rules: [{record: r, expr: x}, {alert: High, expr: r > 5, for: 30s, labels: {a: '{{ $value }}'}}, \
                     {alert: Chained, expr: 'ALERTS{alertname=\"High\",alertstate=\"firing\"}'}]}]";

fn replayed(memory: &Memory, from: i64, to: i64) -> Replayed {
    let groups = groups("rules.yml", RULES);
    let (from, to) = (Timestamp::from_secs(from), Timestamp::from_secs(to));
    let before = Before::new(memory, &groups, from);
    let overlay = Overlay::default();
    overlay.read_names(weir_alert::evaluate::Names { any: true, ..Default::default() });
    let local = Local::new(Engine::new(Limits::default()), &before, &overlay);
    let settings = Settings { spread: false, ..Settings::default() };
    replay(&groups, &settings, from, to, &local).unwrap()
}

#[test]
fn a_replay_tells_what_the_rules_would_have_told() {
    let mut bench = Bench::new(RULES);
    for at in (0..=300).step_by(10) {
        bench.set("x", at, if (100..=200).contains(&at) { 9.0 } else { 1.0 });
        bench.at(at);
    }
    let live: Vec<String> = bench.out.events.iter().map(told_event).collect();
    assert_eq!(live, ["High firing 1", "Chained firing 2", "High resolved 3", "Chained resolved 4"]);
    // What the rules wrote is stored, and must neither count twice nor speak for rules that have changed since.
    for row in &bench.out.rows {
        bench.memory.add(&row.series, row.at, row.value);
    }
    let again = replayed(&bench.memory, 0, 300);
    assert_eq!(again.events.iter().map(told_event).collect::<Vec<_>>(), live);
    assert_eq!((again.evaluations, again.failures.len()), (31, 0));
    assert_eq!(again, replayed(&bench.memory, 0, 300), "the same data give the same");
    bench.memory.add(&series_of("ALERTS{alertname=High,alertstate=firing}"), Timestamp::from_secs(250), 1.0);
    assert_eq!(again, replayed(&bench.memory, 0, 300));
}

#[test]
fn a_replay_ends_where_it_is_told() {
    let mut memory = Memory::default();
    (0..100).for_each(|step| memory.add(&series_of("x"), Timestamp::from_secs(step * 10), 9.0));
    let part = replayed(&memory, 500, 520);
    assert_eq!((part.evaluations, part.events.len()), (3, 0));
    assert_eq!(replayed(&memory, 500, 530).events.len(), 2);
}

#[test]
fn a_replay_that_is_stopped_tells_until_when_it_is_whole() {
    let mut memory = Memory::default();
    (0..100).for_each(|step| memory.add(&series_of("x"), Timestamp::from_secs(step * 10), 9.0));
    let groups = groups("rules.yml", RULES);
    let overlay = Overlay::default();
    overlay.read_names(weir_alert::evaluate::Names::read_by(groups.iter().flat_map(|group| &group.rules)));
    let local = Local::new(Engine::new(Limits::default()), &memory, &overlay);
    let settings = Settings { spread: false, ..Settings::default() };
    let (from, to, turns) = (Timestamp(0), Timestamp::from_secs(990), std::cell::Cell::new(0));
    let first = |most| {
        turns.set(0);
        let goes_on = |_| turns.replace(turns.get() + 1) < most;
        replay_while(&groups, &settings, (from, to), &local, &goes_on).unwrap()
    };
    let whole = first(usize::MAX);
    assert_eq!((whole.reached, whole.events.len()), (to, 2));
    let part = first(20);
    assert!(part.reached > Timestamp::from_secs(50) && part.reached < Timestamp::from_secs(300), "{:?}", part.reached);
    assert_eq!(part.events, whole.events);
    // What fires at 30 s was seen, and is past what is told of.
    let none = first(3);
    assert!(none.reached < Timestamp::from_secs(30) && none.events.is_empty(), "{none:?}");
}

/// A source that takes longer than a group may take before it has to rest.
struct Sluggish<'a>(Local<'a>);

impl Querier for Sluggish<'_> {
    #[expect(clippy::disallowed_methods, reason = "it is slow by the machine's time")]
    fn query(&self, expression: &Expression, at: Timestamp) -> Result<Found, String> {
        std::thread::sleep(std::time::Duration::from_millis(260));
        self.0.query(expression, at)
    }

    fn reads_from(&self, expression: &Expression, at: Timestamp, hosts: &LeftOut) -> bool {
        self.0.reads_from(expression, at, hosts)
    }

    fn note(&self, rows: &[Row]) {
        self.0.note(rows);
    }
}

#[test]
fn a_replay_that_takes_long_leaves_out_no_instant() {
    let mut memory = Memory::default();
    (0..100).for_each(|step| memory.add(&series_of("x"), Timestamp::from_secs(step * 10), 9.0));
    let groups = groups("rules.yml", "groups: [{name: g, interval: 10s, rules: [{alert: High, expr: x > 5}]}]");
    let overlay = Overlay::default();
    let sluggish = Sluggish(Local::new(Engine::new(Limits::default()), &memory, &overlay));
    let settings = Settings { spread: false, ..Settings::default() };
    let replayed = replay(&groups, &settings, Timestamp(0), Timestamp::from_secs(60), &sluggish).unwrap();
    assert_eq!((replayed.evaluations, replayed.reached), (7, Timestamp::from_secs(60)));
}

#[test]
fn rules_that_fail_are_told() {
    let mut memory = Memory::default();
    memory.add(&series_of("x{__x=a}"), Timestamp(0), 9.0);
    memory.add(&series_of("x{alertname=b}"), Timestamp(0), 9.0);
    memory.add(&series_of("x{alertname=c}"), Timestamp(0), 9.0);
    let part = replayed(&memory, 0, 0);
    assert!(
        part.failures[0].starts_with("High: ") && part.failures[0].contains("same labelset"),
        "{:?}",
        part.failures
    );
}
