//! The store as a whole: what was written is read back, before and after a checkpoint, a crash and a replay.

mod backup;
mod blocks;
mod cold;
mod crash;
mod damage;
mod repair;
mod retention;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use weir_sample::{Histogram, Kind, Series, Timestamp};

use crate::{Column, Error, Hint, MatchOp, Matcher, NAME, Selection, SeriesData, Store, StoreConfig};

const TEN: Duration = Duration::from_secs(10);

fn open(folder: &Path) -> (Store, Vec<u8>) {
    Store::open(folder, StoreConfig::default()).unwrap()
}

fn all(store: &Store, name: &str) -> Vec<SeriesData> {
    let matchers = [Matcher::new(NAME, MatchOp::Equal, name).unwrap()];
    let (start, end) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let select = |any_order| {
        let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order };
        let mut found = Vec::new();
        let mut each = |data| {
            found.push(data);
            ControlFlow::Continue(())
        };
        store.select(&selection, &mut each).unwrap();
        found
    };
    let (found, mut unordered) = (select(false), select(true));
    unordered.sort_by_key(|data: &SeriesData| found.iter().position(|other: &SeriesData| other.series == data.series));
    assert_eq!(format!("{found:?}"), format!("{unordered:?}"), "the order is all that may differ");
    found
}

fn floats(store: &Store, name: &str) -> Vec<(i64, f64)> {
    let found = all(store, name);
    let Some(data) = found.first() else { return Vec::new() };
    let Column::Floats(values) = &data.values else { panic!("{name} is not of floats") };
    data.timestamps.iter().map(|ts| ts / 1_000).zip(values.iter().copied()).collect()
}

#[test]
fn counters_start_at_zero_accumulate_and_take_late_deltas() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    let rows = store.rows(1, &[(Series::named("c"), Kind::Counter), (Series::named("g"), Kind::Gauge)]);
    let append = |secs: i64, delta: f64, value: f64| {
        store.append(&rows, Timestamp::from_secs(secs), TEN, &[delta, value]).unwrap();
    };
    append(110, 2.0, 7.0);
    append(130, 3.0, f64::NAN);
    append(120, 5.0, 8.0);
    append(130, 0.0, 9.0);
    append(125, 0.0, 8.5);
    assert_eq!(floats(&store, "c"), [(100, 0.0), (110, 2.0), (130, 10.0)]);
    assert_eq!(floats(&store, "g"), [(110, 7.0), (120, 8.0), (125, 8.5), (130, 9.0)]);
}

#[test]
fn what_came_after_the_checkpoint_is_gone_after_a_crash_and_a_replay_brings_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let columns: Vec<_> = (0..3).map(|i| (Series::new("c", [("i", i.to_string().as_str())]), Kind::Counter)).collect();
    let write = |store: &Store, steps: std::ops::Range<i64>| {
        let rows = store.rows(1, &columns);
        for step in steps {
            let ts = Timestamp::from_secs(1_700_000_000 + step * 10);
            store.append(&rows, ts, TEN, &[1.0, step as f64, 0.5]).unwrap();
        }
    };
    let expected = {
        let whole = tempfile::tempdir().unwrap();
        let (store, _) = open(whole.path());
        write(&store, 0..1_000);
        all(&store, "c")
    };
    let (store, state) = open(folder.path());
    assert!(state.is_empty());
    write(&store, 0..300);
    store.checkpoint(b"300").unwrap();
    write(&store, 300..610);
    store.checkpoint(b"610").unwrap();
    write(&store, 610..900);
    drop(store);
    let (store, state) = open(folder.path());
    assert_eq!(state, b"610");
    write(&store, 610..1_000);
    assert_eq!(all(&store, "c"), expected);
    store.checkpoint(b"1000").unwrap();
    drop(store);
    assert_eq!(all(&open(folder.path()).0, "c"), expected);
}

#[test]
fn histograms_of_one_time_merge_and_survive() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    let rows = store.rows(1, &[(Series::named("d"), Kind::Distribution)]);
    let mut one = Histogram::new();
    one.insert(3.0);
    for step in 0..300 {
        store.append_histogram(&rows, 0, Timestamp::from_secs(step), &one).unwrap();
        store.append_histogram(&rows, 0, Timestamp::from_secs(step), &one).unwrap();
    }
    store.checkpoint(b"").unwrap();
    let before = all(&store, "d");
    drop(store);
    let (store, _) = open(folder.path());
    assert_eq!(all(&store, "d"), before);
    let Column::Histograms(histograms) = &before[0].values else { panic!("not histograms") };
    assert_eq!((histograms.len(), histograms.iter().all(|histogram| histogram.count() == 2.0)), (300, true));
}

#[test]
fn idle_series_and_old_windows_go() {
    let folder = tempfile::tempdir().unwrap();
    let (minute_retention, hour_retention) = (Duration::ZERO, Duration::ZERO);
    let config = StoreConfig { chunk_rows: 12, minute_retention, hour_retention, ..StoreConfig::default() };
    let (store, _) = Store::open(folder.path(), config).unwrap();
    let columns = |names: &[&str]| -> Vec<_> { names.iter().map(|n| (Series::named(n), Kind::Counter)).collect() };
    let (both, gone) = (store.rows(1, &columns(&["a", "b"])), store.rows(2, &columns(&["c"])));
    let (day, at) = (86_400, |secs: i64| Timestamp::from_secs(1_700_000_000 + secs));
    store.maintain(at(0)).unwrap();
    for step in 1..=100 {
        store.append(&both, at(step * 10), TEN, &[1.0, 1.0]).unwrap();
        store.append(&gone, at(step * 10), TEN, &[1.0]).unwrap();
    }
    store.maintain(at(7 * day)).unwrap();
    for step in 1..=100 {
        store.append(&both, at(7 * day + step * 10), TEN, &[2.0, f64::NAN]).unwrap();
    }
    store.maintain(at(8 * day)).unwrap();
    for step in 1..=100 {
        store.append(&both, at(14 * day + step * 10), TEN, &[2.0, f64::NAN]).unwrap();
    }
    store.maintain(at(15 * day)).unwrap();
    assert_eq!((store.is_current(&both), store.is_current(&gone)), (false, false));
    assert!(matches!(store.append(&both, at(16 * day), TEN, &[1.0, 1.0]), Err(Error::StaleRows)));
    assert_eq!(floats(&store, "a").last(), Some(&(1_700_000_000 + 14 * day + 1_000, 500.0)));
    assert_eq!((floats(&store, "b"), floats(&store, "c")), (vec![], vec![]));
    assert_eq!(store.label_values(NAME, &[], at(0), at(16 * day)).unwrap(), ["a"]);
    store.append(&store.rows(2, &columns(&["b", "a"])), at(16 * day), TEN, &[5.0, 1.0]).unwrap();
    assert_eq!(floats(&store, "b"), [(1_700_000_000 + 16 * day - 10, 0.0), (1_700_000_000 + 16 * day, 5.0)]);
    store.checkpoint(b"").unwrap();
    assert!(std::fs::read_dir(folder.path().join("slabs")).unwrap().count() <= 2);
}

#[test]
fn one_process_owns_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path());
    let error = Store::open(folder.path(), StoreConfig::default()).unwrap_err();
    assert!(matches!(error, Error::Locked { owner, .. } if owner == Some(std::process::id())), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn gauges_are_what_a_map_of_times_says(
        writes in prop::collection::vec((0..400i64, any::<f64>()), 1..600),
        checkpoints in prop::collection::vec(0..600usize, 0..3),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = open(folder.path());
        let mut model = std::collections::BTreeMap::new();
        for (at, &(secs, value)) in writes.iter().enumerate() {
            let rows = store.rows(1, &[(Series::named("g"), Kind::Gauge)]);
            store.append(&rows, Timestamp::from_secs(secs), TEN, &[value]).unwrap();
            if !value.is_nan() {
                model.insert(secs, value);
            }
            if checkpoints.contains(&at) {
                store.checkpoint(b"").unwrap();
                drop(store);
                store = open(folder.path()).0;
            }
        }
        let expected: Vec<_> = model.into_iter().collect();
        prop_assert_eq!(floats(&store, "g"), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Many series of several agents, in layouts that change, against a map per series; with checkpoints, crashes and
    /// replays of what came after the last checkpoint.
    #[test]
    fn the_store_is_what_a_model_says(
        steps in prop::collection::vec((0..3u128, 0..5usize, 0..60i64, prop::collection::vec(prop::option::of(0..500u32), 4)), 1..250),
        checkpoints in prop::collection::btree_set(0..250usize, 0..4),
        crashes in prop::collection::btree_set(0..250usize, 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let config = || StoreConfig { chunk_rows: 12, ..StoreConfig::default() };
        let (mut store, _) = Store::open(folder.path(), config()).unwrap();
        let write = |store: &Store, at: usize| {
            let (agent, layout, time, values) = &steps[at];
            let series = |i: usize| Series::new(&format!("m{}", (layout + i) % 7), [("host", format!("h{agent}").as_str()), ("i", "x")]);
            let columns: Vec<_> = (0..4).map(|i| (series(i), kind_of((layout + i) % 7))).collect();
            let rows = store.rows(*agent, &columns);
            let floats: Vec<f64> = values.iter().map(|v| v.map_or(f64::NAN, |v| f64::from(v) / 4.0)).collect();
            store.append(&rows, Timestamp(at as i64 * 10_000 + time * 1_000), TEN, &floats).unwrap();
        };
        let mut durable = 0;
        for at in 0..steps.len() {
            write(&store, at);
            if checkpoints.contains(&at) {
                durable = at + 1;
                store.checkpoint(&durable.to_le_bytes()).unwrap();
            }
            if crashes.contains(&at) {
                drop(store);
                let (again, state) = Store::open(folder.path(), config()).unwrap();
                store = again;
                prop_assert_eq!(state.first_chunk().map_or(0, |bytes| usize::from_le_bytes(*bytes)), durable);
                (durable..=at).for_each(|at| write(&store, at));
            }
        }
        check_model(&store, &steps, |at, time| at as i64 * 10_000 + time * 1_000)?;
    }
}

type Step = (u128, usize, i64, Vec<Option<u32>>);

fn kind_of(metric: usize) -> Kind {
    if metric < 3 { Kind::Counter } else { Kind::Gauge }
}

fn check_model(store: &Store, steps: &[Step], ts: impl Fn(usize, i64) -> i64) -> Result<(), TestCaseError> {
    let mut gauges = std::collections::BTreeMap::<(usize, u128), std::collections::BTreeMap<i64, f64>>::new();
    let mut sums = std::collections::BTreeMap::<(usize, u128), f64>::new();
    for (at, (agent, layout, time, values)) in steps.iter().enumerate() {
        for (i, value) in values.iter().enumerate().filter_map(|(i, value)| Some((i, f64::from((*value)?) / 4.0))) {
            let metric = (layout + i) % 7;
            match kind_of(metric) {
                Kind::Counter => *sums.entry((metric, *agent)).or_default() += value,
                _ => drop(gauges.entry((metric, *agent)).or_default().insert(ts(at, *time), value)),
            }
        }
    }
    for metric in 0..7 {
        let mut found = 0;
        for data in all(store, &format!("m{metric}")) {
            let agent: u128 = data.series.label("host").unwrap()[1..].parse().unwrap();
            let Column::Floats(values) = &data.values else { panic!("not floats") };
            prop_assert!(data.timestamps.is_sorted_by(|a, b| a < b));
            if let Some(sum) = sums.get(&(metric, agent)) {
                prop_assert_eq!(values.last(), Some(sum));
            } else {
                let expected = &gauges[&(metric, agent)];
                let got: Vec<_> = data.timestamps.iter().copied().zip(values.iter().copied()).collect();
                prop_assert_eq!(got, expected.iter().map(|(t, v)| (*t, *v)).collect::<Vec<_>>());
            }
            found += 1;
        }
        let expected = sums.keys().chain(gauges.keys()).filter(|(other, _)| *other == metric).count();
        prop_assert_eq!(found, expected, "m{}", metric);
    }
    Ok(())
}
