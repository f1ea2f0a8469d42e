//! What a dashboard costs that is asked again a step later: `cargo bench -p weir-query --bench dashboard`.
//!
//! Twenty panels over an hour at 15 s, each of a metric of its own with a thousand series (`SERIES=` for others), of a store
//! that is written to between two refreshes. CPU time is the asking thread's.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use weir_query::{Engine, Limits, Remembered, ResultCache};
use weir_sample::{Kind, Series, Timestamp};
use weir_store::{Rows, Store, StoreConfig};

const PANELS: usize = 20;
const PER_HOST: usize = 10;
const INTERVAL: i64 = 10;
const STEP: i64 = 15;
const HOUR: i64 = 3_600;
const REFRESHES: u32 = 40;

const FORMS: [&str; 5] = [
    "sum by (pool) (rate(METRIC[1m]))",
    "avg by (pool) (rate(METRIC[5m]))",
    "topk(5, sum by (host) (rate(METRIC[2m])))",
    "quantile by (pool) (0.9, rate(METRIC[1m]))",
    "max by (pool) (METRIC) - min by (pool) (METRIC)",
];

/// Milliseconds that this thread has spent on a CPU.
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}

struct Fleet {
    store: Store,
    rows: Vec<Rows>,
    now: i64,
}

impl Fleet {
    fn new(folder: &std::path::Path, series: usize) -> Self {
        let (store, _) = Store::open(folder, StoreConfig::default()).unwrap();
        let columns = |host: usize| {
            let (name, pool) = (format!("h{host}"), format!("p{}", host % 10));
            let of = |at: usize| {
                let labels = [("host", name.as_str()), ("pool", pool.as_str()), ("cpu", &(at % PER_HOST).to_string())];
                (Series::new(&format!("m{}", at / PER_HOST), labels), Kind::Counter)
            };
            (0..PANELS * PER_HOST).map(of).collect::<Vec<_>>()
        };
        let rows = (0..series / PER_HOST).map(|host| store.rows(host as u128, &columns(host))).collect();
        Self { store, rows, now: 1_700_000_000 }
    }

    fn write(&mut self, until: i64) {
        while self.now + INTERVAL <= until {
            self.now += INTERVAL;
            for (host, rows) in self.rows.iter().enumerate() {
                let floats: Vec<f64> = (0..rows.width()).map(|at| ((at * 7 + host) % 13) as f64).collect();
                let interval = Duration::from_secs(INTERVAL as u64);
                self.store.append(rows, Timestamp::from_secs(self.now), interval, &floats).unwrap();
            }
            if self.now % 600 == 0 {
                self.store.maintain(Timestamp::from_secs(self.now)).unwrap();
            }
        }
    }

    /// CPU time of all panels up to an instant, and the steps that were evaluated.
    fn ask(&self, cache: &ResultCache, end: i64) -> (f64, usize) {
        let engine = Engine::new(Limits::default());
        let (before, mut evaluated) = (cpu_ms(), 0);
        for panel in 0..PANELS {
            let query = FORMS[panel % FORMS.len()].replace("METRIC", &format!("m{panel}"));
            let remembered = Remembered { cache, asker: "", now: Timestamp::from_secs(end) };
            let range = (Timestamp::from_secs(end - HOUR), Timestamp::from_secs(end));
            let step = Duration::from_secs(STEP as u64);
            evaluated +=
                engine.range_remembered(&remembered, &self.store, &query, range, step).unwrap().evaluated_steps;
        }
        (cpu_ms() - before, evaluated)
    }
}

fn main() {
    let series = std::env::var("SERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let folder = tempfile::tempdir().unwrap();
    let mut fleet = Fleet::new(folder.path(), series);
    fleet.write(1_700_000_000 + 3 * HOUR);
    let (cache, none) = (ResultCache::new(256 << 20), ResultCache::new(0));
    let mut end = fleet.now - fleet.now % STEP;
    fleet.ask(&none, end);
    let ((cold, steps), (plain, _)) = (fleet.ask(&cache, end), fleet.ask(&none, end));
    println!(
        "{PANELS} panels of {series} series each: cold {cold:.1} ms ({steps} steps), without a cache {plain:.1} ms"
    );
    let (mut total, mut evaluated) = (0.0, 0);
    for _ in 0..REFRESHES {
        end += STEP;
        fleet.write(end);
        let (spent, steps) = fleet.ask(&cache, end);
        (total, evaluated) = (total + spent, evaluated + steps);
    }
    let each = total / f64::from(REFRESHES);
    println!("a step later: {each:.1} ms ({:.0} steps)", evaluated as f64 / f64::from(REFRESHES));
    let (again, steps) = fleet.ask(&cache, end);
    println!("asked again with nothing written: {again:.1} ms ({steps} steps)");
    let rows = fleet.rows.len() * 360;
    let before = cpu_ms();
    fleet.write(end + HOUR);
    let spent = cpu_ms() - before;
    println!("appending: {:.1} ns a sample", spent * 1e6 / (rows * PANELS * PER_HOST) as f64);
}
