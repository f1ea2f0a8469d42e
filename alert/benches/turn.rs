//! What rules cost apart from storage: `cargo bench -p weir-alert`.
//!
//! The budget is 10,000 rules over 100,000 series every 15 s on one core, and 100,000 alerts that fire at once within a few
//! seconds. The source here has its series by name, as a store's index has.

#![expect(clippy::disallowed_methods, reason = "a bench measures the machine")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use weir_alert::evaluate::{Evaluator, Local, Outlet, Overlay, Row, Settings, Told};
use weir_alert::event::Event;
use weir_alert::rules::read_rules;
use weir_alert::states::StateStore;
use weir_query::{
    Allow, Answered, Column, Each, Engine, Limits, Matcher, QueryError, Selection, SeriesData, Source, Tier,
};
use weir_sample::{Kind, Series, Timestamp};

/// Gauges by name, whose value is 1 at every 15 s.
struct MadeUp(BTreeMap<String, Vec<Series>>);

impl MadeUp {
    fn new(names: usize, hosts: usize) -> Self {
        let series = |name: &str, host: usize| {
            let (host, pool) = (format!("host-{host:06}"), format!("pool-{}", host % 10));
            Series::new(name, [("host", host.as_str()), ("pool", pool.as_str()), ("region", "eu-west-1")])
        };
        let of_name = |number: usize| {
            let name = format!("m{number}");
            (name.clone(), (0..hosts).map(|host| series(&name, host)).collect())
        };
        Self((0..names).map(of_name).collect())
    }
}

impl Source for MadeUp {
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        let name = selection.matchers.iter().find(|matcher| matcher.label() == "__name__").map(Matcher::value);
        let first = selection.start.millis() + (15_000 - selection.start.millis().rem_euclid(15_000)) % 15_000;
        for series in name.and_then(|name| self.0.get(name)).into_iter().flatten() {
            let timestamps: Vec<i64> = (first..=selection.end.millis()).step_by(15_000).collect();
            let values = Column::Floats(vec![1.0; timestamps.len()]);
            let (series, kind, tier) = (series.clone(), Kind::Gauge, Tier::Raw);
            if let ControlFlow::Break(()) =
                each(SeriesData { series, kind, tier, timestamps, values, starts: Vec::new(), more: false })
            {
                break;
            }
        }
        Ok(Answered { tier: Tier::Raw, partial: false, holes: Vec::new() })
    }

    fn series(
        &self,
        _: &[Matcher],
        _: Timestamp,
        _: Timestamp,
        _: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        Ok(Vec::new())
    }

    fn label_names(&self, _: &[Matcher], _: Timestamp, _: Timestamp, _: Allow<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn label_values(
        &self,
        _: &str,
        _: &[Matcher],
        _: Timestamp,
        _: Timestamp,
        _: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }
}

#[derive(Default)]
struct Counted {
    rows: usize,
    events: usize,
}

impl Outlet for Counted {
    fn rows(&mut self, rows: &[Row]) -> Result<(), String> {
        self.rows += rows.len();
        Ok(())
    }

    fn events(&mut self, events: &[Event]) -> Result<(), String> {
        self.events += events.len();
        Ok(())
    }
}

/// Evaluates for some minutes of event time and says what each 15 s took.
fn run(what: &str, rules: &str, source: &MadeUp) {
    let folder = tempfile::tempdir().expect("a folder");
    let began = Instant::now();
    let (groups, faults) = read_rules("bench.yml", rules, Duration::from_secs(15));
    let groups = groups.unwrap_or_else(|| panic!("{:?}", faults.first()));
    println!("{what}: read and checked in {:?}", began.elapsed());
    let store = StateStore::open(folder.path().join("states.redb")).expect("a state file").0;
    let mut evaluator = Evaluator::new(store, Settings::default()).expect("states");
    evaluator.load(&groups, &BTreeSet::new()).expect("states");
    let overlay = Overlay::default();
    overlay.read_names(evaluator.names_read());
    let local = Local::new(Engine::new(Limits::default()), source, &overlay);
    let mut out = Counted::default();
    for step in 0..8 {
        let now = Timestamp::from_secs(1_800_000_000 + 15 * step);
        let (rows, events, began) = (out.rows, out.events, Instant::now());
        let told = Told { applied_to: Some(now), ..Told::complete_at(now) };
        let mut evaluated = 0;
        loop {
            let turn = evaluator.turn(&told, &local, &mut out);
            evaluated += turn.evaluated;
            if !turn.more {
                break;
            }
        }
        overlay.applied(now);
        let (took, rows, events) = (began.elapsed(), out.rows - rows, out.events - events);
        println!("  15 s: {evaluated} groups, {rows} rows, {events} events in {took:?}");
    }
}

fn main() {
    let rule = |n: usize| format!("      - {{alert: A{n}, expr: 'sum by (pool) (rate(m{n}[5m])) > 0.5', for: 1m}}\n");
    let group =
        |g: usize| format!("  - name: g{g}\n    rules:\n{}", (g * 10..g * 10 + 10).map(rule).collect::<String>());
    let many: String = (0..1_000).map(group).collect();
    run("10,000 rules over 100,000 series", &format!("groups:\n{many}"), &MadeUp::new(10_000, 10));
    let one = "groups:\n  - name: g\n    rules:\n      - alert: Down\n        expr: m0 == 1\n        labels: {severity: page}\n        \
               annotations: {summary: '{{ $labels.host }} in {{ $labels.pool }} is down', value: 'at {{ $value }}'}\n";
    run("100,000 alerts of one rule", one, &MadeUp::new(1, 100_000));
}
