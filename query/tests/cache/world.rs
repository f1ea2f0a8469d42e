//! A store and all that may happen to it.

use std::path::PathBuf;
use std::time::Duration;

use weir_sample::{Histogram, Kind, ResetHint, Series, Timestamp};
use weir_store::{Error, Placed, RetentionRule, Rows, Store, StoreConfig};

use crate::chance::Chance;

pub(crate) struct World {
    _folder: tempfile::TempDir,
    path: PathBuf,
    config: StoreConfig,
    store: Option<Store>,
    agents: Vec<Agent>,
    now: i64,
    counted: f64,
}

struct Agent {
    id: u128,
    columns: Vec<(Series, Kind)>,
    rows: Rows,
}

const INTERVAL: Duration = Duration::from_secs(10);
const HOUR: i64 = 3_600_000;

impl World {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let minutes = |count: i64| Duration::from_secs(count as u64 * 60);
        let rule = RetentionRule::new("g", [Some(minutes(70)), None, None]).unwrap();
        let config = StoreConfig {
            raw_retention: minutes(60 * (3 + chance.below(6))),
            idle_after: minutes(20),
            block_delay: minutes(3),
            chunk_rows: 8 + chance.below(40) as u32,
            rules: if chance.one_in(3) { vec![rule] } else { Vec::new() },
            ..StoreConfig::default()
        };
        let (store, _) = Store::open(&path, config.clone()).unwrap();
        let now = 1_700_000_000_000 + chance.below(4 * HOUR);
        let mut world =
            Self { _folder: folder, path, config, store: Some(store), agents: Vec::new(), now, counted: 0.0 };
        (0..1 + chance.below(4)).for_each(|_| world.arrive(chance));
        // Something to look back at.
        for _ in 0..20 {
            world.now += chance.below(HOUR / 4);
            world.rows(chance);
        }
        (0..60).for_each(|_| world.rows(chance));
        world
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Something happens, and mostly not much.
    pub(crate) fn change(&mut self, chance: &mut Chance) {
        match chance.below(40) {
            0..=14 => self.rows(chance),
            15..=17 => (0..chance.below(20)).for_each(|_| self.rows(chance)),
            18..=22 => (0..1 + chance.below(3)).for_each(|_| self.late(chance)),
            23..=25 => self.import(chance),
            26..=28 => self.receive(chance),
            29 if chance.one_in(2) => self.arrive(chance),
            30 => self.now += chance.below(HOUR),
            31 if chance.one_in(4) => self.now += chance.below(4 * HOUR),
            32 => self.store().checkpoint(b"").unwrap(),
            33 if chance.one_in(3) => self.open_again(),
            34..=36 => self.store().maintain(Timestamp(self.now)).unwrap(),
            37 if chance.one_in(6) => drop(self.agents.pop()),
            _ => {}
        }
        if self.agents.is_empty() {
            self.arrive(chance);
        }
    }

    /// An agent begins to send.
    fn arrive(&mut self, chance: &mut Chance) {
        let (host, pool) = (format!("h{}", chance.below(12)), format!("p{}", chance.below(3)));
        let of = |name: &str| Series::new(name, [("host", host.as_str()), ("pool", pool.as_str())]);
        let mut columns = vec![(of("c"), Kind::Counter), (of("g"), Kind::Gauge)];
        if chance.one_in(2) {
            columns.push((of("d"), Kind::Counter));
        }
        if chance.one_in(2) {
            columns.push((of("t"), Kind::Distribution));
        }
        let id = chance.below(1_000) as u128;
        let rows = self.store().rows(id, &columns);
        self.agents.push(Agent { id, columns, rows });
    }

    /// Time passes, and agents send what there is by now.
    fn rows(&mut self, chance: &mut Chance) {
        self.now += *chance.pick(&[1_000, 10_000, 10_000, 10_000, 15_000, 40_000]);
        for at in 0..self.agents.len() {
            if !chance.one_in(8) {
                self.append(at, self.now - chance.below(3) * 1_000, chance);
            }
        }
    }

    /// A row comes late.
    fn late(&mut self, chance: &mut Chance) {
        let at = chance.below(self.agents.len() as i64) as usize;
        let behind = *chance.pick(&[20_000, 100_000, 1_000_000, 2 * HOUR]);
        self.append(at, self.now - chance.below(behind), chance);
    }

    fn append(&mut self, at: usize, time: i64, chance: &mut Chance) {
        let Self { store: Some(store), agents, .. } = self else { return };
        let agent = &mut agents[at];
        let mut value = |kind: Kind| match kind {
            _ if chance.one_in(10) => f64::NAN,
            Kind::Counter => chance.below(50) as f64 * 0.3,
            Kind::Distribution => f64::NAN,
            _ => chance.value(),
        };
        let floats: Vec<f64> = agent.columns.iter().map(|(_, kind)| value(*kind)).collect();
        if let Err(Error::StaleRows) = store.append(&agent.rows, Timestamp(time), INTERVAL, &floats) {
            agent.rows = store.rows(agent.id, &agent.columns);
            store.append(&agent.rows, Timestamp(time), INTERVAL, &floats).unwrap();
        }
        if let Some(column) = agent.columns.iter().position(|(_, kind)| *kind == Kind::Distribution) {
            let mut histogram = Histogram::new();
            (0..chance.below(5)).for_each(|_| histogram.insert(chance.below(1_000) as f64));
            store.append_histogram(&agent.rows, column, Timestamp(time), &histogram).unwrap();
        }
    }

    /// Samples with times of their own.
    fn import(&mut self, chance: &mut Chance) {
        let store = self.store();
        let (host, kind) = (format!("h{}", chance.below(12)), *chance.pick(&[Kind::Gauge, Kind::Counter]));
        let name = if kind == Kind::Counter { "c" } else { "g" };
        // Now and then a series becomes one of another kind.
        let kind = if chance.one_in(10) { Kind::Gauge } else { kind };
        let series = [(Series::new(name, [("host", host.as_str()), ("from", "elsewhere")]), kind)];
        let place = store.places(&series)[0];
        let back = *chance.pick(&[60_000, 600_000, 3 * HOUR]);
        let count = 1 + chance.below(30);
        let mut sample = || {
            let time = self.now - chance.below(back);
            Placed { place, series: 0, time, value: chance.value() }
        };
        let mut samples: Vec<Placed> = (0..count).map(|_| sample()).collect();
        store.append_samples(&mut samples).unwrap();
    }

    /// A histogram that counts on, or a mark that it has ended.
    fn receive(&mut self, chance: &mut Chance) {
        let host = format!("h{}", chance.below(3));
        let series = Series::new("h", [("host", host.as_str())]);
        let mut histogram = Histogram::new();
        self.counted += 1.0;
        (0..chance.below(4) + self.counted as i64 % 50).for_each(|at| histogram.insert((at % 7) as f64 * 0.7));
        let histogram = histogram.with_hint(*chance.pick(&[ResetHint::Unknown, ResetHint::NotReset]));
        let behind = if chance.one_in(4) { chance.below(HOUR) } else { 0 };
        self.store().append_received(&series, Timestamp(self.now - behind), &histogram).unwrap();
    }

    /// As after a crash: what came after the last checkpoint is gone.
    fn open_again(&mut self) {
        self.store = None;
        let (store, _) = Store::open(&self.path, self.config.clone()).unwrap();
        for agent in &mut self.agents {
            agent.rows = store.rows(agent.id, &agent.columns);
        }
        self.store = Some(store);
    }
}
