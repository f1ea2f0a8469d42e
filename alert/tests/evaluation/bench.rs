//! An evaluator with all that it needs: series in memory, a state file, and an outlet that remembers.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use weir_alert::evaluate::{Evaluator, LeftOut, Local, Outlet, Overlay, Row, Settings, Told, Turn};
use weir_alert::event::{Event, Status};
use weir_alert::rules::{Group, read_rules};
use weir_alert::states::StateStore;
use weir_query::table::Memory;
use weir_query::{Engine, Limits};
use weir_sample::{Series, Timestamp};

pub(crate) struct Bench {
    pub(crate) memory: Memory,
    pub(crate) overlay: Overlay,
    pub(crate) evaluator: Evaluator,
    pub(crate) out: Out,
    pub(crate) left_out: LeftOut,
}

/// Remembers what it took; what it took can fail once or always.
#[derive(Default)]
pub(crate) struct Out {
    pub(crate) rows: Vec<Row>,
    pub(crate) events: Vec<Event>,
    pub(crate) refuses_rows: bool,
    pub(crate) refuses_events: bool,
}

impl Outlet for Out {
    fn rows(&mut self, rows: &[Row]) -> Result<(), String> {
        if self.refuses_rows {
            return Err("the queue is full".into());
        }
        self.rows.extend_from_slice(rows);
        Ok(())
    }

    fn events(&mut self, events: &[Event]) -> Result<(), String> {
        if self.refuses_events {
            return Err("the queue is full".into());
        }
        self.events.extend_from_slice(events);
        Ok(())
    }
}

/// The groups of a rule file's text.
pub(crate) fn groups(file: &str, rules: &str) -> Vec<Group> {
    let (groups, faults) = read_rules(file, rules, Duration::from_secs(10));
    groups.unwrap_or_else(|| panic!("{faults:?}"))
}

pub(crate) fn plain() -> Settings {
    Settings { spread: false, resend: Duration::from_secs(86_400), ..Settings::default() }
}

impl Bench {
    /// With states in memory.
    pub(crate) fn new(rules: &str) -> Self {
        Self::with(rules, plain(), StateStore::in_memory().unwrap())
    }

    /// With states in a file.
    pub(crate) fn on(path: &Path, rules: &str) -> Self {
        Self::with(rules, plain(), StateStore::open(path).unwrap().0)
    }

    pub(crate) fn with(rules: &str, settings: Settings, store: StateStore) -> Self {
        let evaluator = Evaluator::new(store, settings).unwrap();
        let (memory, overlay, out, left_out) = Default::default();
        let mut bench = Self { memory, overlay, evaluator, out, left_out };
        bench.load(&groups("rules.yml", rules));
        bench
    }

    pub(crate) fn load(&mut self, groups: &[Group]) {
        self.evaluator.load(groups, &BTreeSet::new()).unwrap();
        self.overlay.read_names(self.evaluator.names_read());
    }

    /// Sets a series' sample at a second.
    pub(crate) fn set(&mut self, series: &str, at: i64, value: f64) {
        self.memory.add(&series_of(series), Timestamp::from_secs(at), value);
    }

    /// Evaluates all that is due at this second, with data complete up to it.
    pub(crate) fn at(&mut self, second: i64) -> Vec<String> {
        self.told(Told::complete_at(Timestamp::from_secs(second)))
    }

    /// Evaluates all that is due, and says what events came of it.
    pub(crate) fn told(&mut self, told: Told) -> Vec<String> {
        let told = Told { left_out: Arc::new(self.left_out.clone()), ..told };
        let before = self.out.events.len();
        while self.turn(&told).more {}
        self.out.events[before..].iter().map(told_event).collect()
    }

    pub(crate) fn turn(&mut self, told: &Told) -> Turn {
        let local = Local::new(Engine::new(Limits::default()), &self.memory, &self.overlay);
        self.evaluator.turn(told, &local, &mut self.out)
    }

    /// Alerts as they are: name, labels, phase.
    pub(crate) fn alerts(&self) -> Vec<String> {
        let shown = self.evaluator.shown();
        let alerts = shown.rules().flat_map(|rule| rule.alerts);
        let told = alerts.map(|alert| {
            let late = if alert.late_since.is_some() { " late" } else { "" };
            format!("{} {}{late}", alert.labels, alert.phase.word())
        });
        told.collect()
    }

    /// What the history has, without groups and values.
    pub(crate) fn history(&mut self) -> Vec<String> {
        let entries = self.evaluator.store().history().entries(i64::MIN, i64::MAX, 1_000, |_| true).unwrap();
        let word = |entry: &weir_alert::states::Entry| serde_json::to_value(entry.what).unwrap();
        entries.iter().map(|entry| format!("{} {}", entry.at_ms / 1_000, word(entry).as_str().unwrap())).collect()
    }

    /// Values of a series that were written, with their seconds; `stale` where it ends.
    pub(crate) fn written(&self, series: &str) -> Vec<String> {
        let series = series_of(series);
        let rows = self.out.rows.iter().filter(|row| row.series == series);
        let value = |row: &Row| match row.value.to_bits() {
            0x7ff0_0000_0000_0002 => "stale".to_owned(),
            _ => row.value.to_string(),
        };
        rows.map(|row| format!("{}: {}", row.at.millis() / 1_000, value(row))).collect()
    }
}

pub(crate) fn told_event(event: &Event) -> String {
    let status = if event.status == Status::Firing { "firing" } else { "resolved" };
    let name = event.labels.get("alertname").map_or("", String::as_str);
    let host = event.labels.get("host").map(|host| format!(" {host}")).unwrap_or_default();
    format!("{name}{host} {status} {}", event.seq)
}

pub(crate) fn series_of(text: &str) -> Series {
    let (name, labels) = text.split_once('{').unwrap_or((text, "}"));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
    Series::new(name, labels.map(|(label, value)| (label.trim(), value.trim().trim_matches('"'))))
}
