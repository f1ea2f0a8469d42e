//! The store itself as the source: what raw samples no longer tell, coarser tiers do.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use weir_query::{Data, Engine, Limits, Point, Tier};
use weir_sample::{Kind, Series, Timestamp};
use weir_store::{Store, StoreConfig};

const DAY: i64 = 86_400;

/// Four days of a sample a minute, of which raw samples reach back one day and minutes two.
fn store(folder: &std::path::Path) -> Store {
    let days = |count: i64| Duration::from_secs((count * DAY) as u64);
    let config = StoreConfig { raw_retention: days(1), minute_retention: days(2), ..StoreConfig::default() };
    let (store, _) = Store::open(folder, config).unwrap();
    let series = |name, kind| (Series::named(name), kind);
    let series = [series("c", Kind::Counter), series("g", Kind::Gauge), series("sparse", Kind::Gauge)];
    let rows = store.rows(1, &series);
    for minute in 0..4 * 1_440 {
        let ts = Timestamp::from_secs(minute * 60);
        // In odd hours it has one sample alone.
        let sparse = if minute / 60 % 2 == 0 { 1.0 } else { 10.0 };
        let sparse = if minute / 60 % 2 == 0 || minute % 60 == 30 { sparse } else { f64::NAN };
        store.append(&rows, ts, Duration::from_secs(60), &[3.0, (minute % 60) as f64, sparse]).unwrap();
        if minute % 60 == 0 {
            store.maintain(ts).unwrap();
        }
    }
    store
}

fn ask(store: &Store, at: i64, query: &str) -> (Option<f64>, Vec<Tier>) {
    let answer = Engine::new(Limits::default()).instant(store, query, Timestamp::from_secs(at)).unwrap();
    let Data::Vector(samples) = answer.data else { panic!("not a vector") };
    let value = samples.first().map(|sample| match sample.value {
        Point::Float(value) => value,
        Point::Histogram(_) => panic!("not a float"),
    });
    (value, answer.tiers)
}

#[test]
fn every_tier_gives_the_same_rate_and_no_graph_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for (at, tier) in [(DAY, Tier::Hour), (DAY + 4 * 3_600, Tier::Minute), (4 * DAY - 7_200, Tier::Raw)] {
        let check = |query: &str, expected: f64| {
            let (value, tiers) = ask(&store, at, query);
            let value = value.unwrap_or(f64::NAN);
            assert!((value - expected).abs() < 1e-9, "{query}: {value} from {tiers:?}");
            assert_eq!(tiers, [tier], "{query}");
        };
        check("rate(c[5m])", 0.05);
        check("increase(c[10m])", 30.0);
        check("max_over_time(g[2h])", 59.0);
        check("min_over_time(g[2h])", 0.0);
        check("avg_over_time(g[2h])", 29.5);
        check("avg_over_time(sparse[4h])", (120.0 + 20.0) / 122.0);
        check("count_over_time(g[2h])", 120.0);
        check("sum_over_time(g[2h])", 3_540.0);
        check("c", (at / 60 + 1) as f64 * 3.0);
        assert!(ask(&store, at + 60, "g").0.is_some());
    }
}
