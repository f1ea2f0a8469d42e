//! The power goes at any operation on a file, and with it what was not synced; the store is opened again and given again
//! what came after the last checkpoint; what it then holds is compared with a model.

use weir_files::fault::{Disk, Fault};

use super::cold::Memory;
use super::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Checkpoint,
    Maintain,
    Cold,
    /// From here on the disk takes so many operations.
    Fail(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Checkpoint),
        Just(Event::Maintain),
        Just(Event::Maintain),
        Just(Event::Cold),
        (0..80u64).prop_map(Event::Fail)
    ]
}

fn config() -> StoreConfig {
    let (block_delay, idle_after) = (Duration::from_secs(60), Duration::MAX);
    StoreConfig { chunk_rows: 12, block_delay, idle_after, ..StoreConfig::default() }
}

fn config_with(remote: &Arc<Memory>) -> StoreConfig {
    StoreConfig { cold: Some(remote.config(1 << 20)), ..config() }
}

/// Time between two steps: a hundred of them make some windows and a day.
const STEP_MS: i64 = 11 * 60_000;

fn write(store: &Store, at: usize, (agent, layout, time, values): &Step) -> Result<(), Error> {
    let series =
        |i: usize| Series::new(&format!("m{}", (layout + i) % 7), [("host", format!("h{agent}").as_str()), ("i", "x")]);
    let columns: Vec<_> = (0..4).map(|i| (series(i), kind_of((layout + i) % 7))).collect();
    let floats: Vec<f64> = values.iter().map(|v| v.map_or(f64::NAN, |v| f64::from(v) / 4.0)).collect();
    let ts = Timestamp(at as i64 * STEP_MS + time * 1_000);
    store.append(&store.rows(*agent, &columns), ts, TEN, &floats).map(drop)
}

fn number(state: &[u8]) -> usize {
    state.first_chunk().map_or(0, |bytes| usize::from_le_bytes(*bytes))
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 300, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn a_crash_between_any_two_file_operations_loses_nothing(
        steps in prop::collection::vec((0..3u128, 0..5usize, 0..900i64, prop::collection::vec(prop::option::of(0..500u32), 4)), 20..220),
        events in prop::collection::btree_map(0..220usize, event(), 0..60),
        kept in prop::sample::select(vec![0.0, 0.4, 1.0]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (path, objects) = (folder.path().join("store"), folder.path().join("objects"));
        std::fs::create_dir(&objects).unwrap();
        let remote = Arc::<Memory>::default();
        remote.beside.set(objects).unwrap();
        let disk = Disk::under(folder.path());
        let (mut store, _) = Store::open(&path, config_with(&remote)).unwrap();
        let (mut at, mut durable) = (0, 0);
        let mut seen = std::collections::BTreeSet::new();
        while at < steps.len() {
            let mut outcome = write(&store, at, &steps[at]);
            at += 1;
            if let Some(&event) = events.get(&at).filter(|_| outcome.is_ok() && seen.insert(at)) {
                outcome = match event {
                    Event::Checkpoint => store.checkpoint(&at.to_le_bytes()),
                    Event::Maintain => store.maintain(Timestamp(at as i64 * STEP_MS)),
                    Event::Cold => store.move_cold(Timestamp(at as i64 * STEP_MS)).map(drop),
                    Event::Fail(operations) => { disk.fail_after(operations, Fault::NoSpace); Ok(()) }
                };
                if outcome.is_ok() && matches!(event, Event::Checkpoint) {
                    durable = at;
                }
            }
            if outcome.is_err() {
                disk.fail_after(0, Fault::Broken);
                drop(store);
                disk.crash_keeping(kept);
                let (again, state) = Store::open(&path, config_with(&remote)).unwrap();
                store = again;
                prop_assert!(number(&state) == durable || number(&state) == at, "{} of {durable} or {at}", number(&state));
                at = number(&state);
                durable = at;
            }
        }
        disk.heal();
        let ts = |at: usize, time: i64| at as i64 * STEP_MS + time * 1_000;
        check_model(&store, &steps, ts)?;
        if store.checkpoint(b"").is_ok() {
            drop(store);
            let (store, _) = Store::open(&path, config_with(&remote)).unwrap();
            check_model(&store, &steps, ts)?;
            store.move_cold(Timestamp(0)).unwrap();
            let mut named = store.inner.block_set().blocks.iter().filter(|b| b.is_cold()).map(|b| b.file_name()).collect::<Vec<_>>();
            named.iter_mut().for_each(|name| name.truncate(name.len() - ".cold".len()));
            named.sort();
            prop_assert_eq!(remote.keys(), named, "no object is lost, none is left over");
        }
    }
}

#[test]
fn a_full_disk_is_refused_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::under(folder.path());
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    let rows = store.rows(1, &[(Series::named("g"), Kind::Gauge)]);
    store.append(&rows, Timestamp(10_000), TEN, &[1.0]).unwrap();
    store.checkpoint(b"kept").unwrap();
    disk.fail_after(0, Fault::NoSpace);
    assert!(matches!(store.checkpoint(b"lost"), Err(Error::Io { .. })));
    assert!(matches!(store.append(&rows, Timestamp(20_000), TEN, &[1.0]), Err(Error::Refusing(_))));
    disk.heal();
    assert!(matches!(store.checkpoint(b"later"), Err(Error::Refusing(_))));
    let refusing = store.readings().into_iter().find(|reading| reading.series.name() == "weir_store_refusing");
    assert_eq!(refusing.map(|reading| reading.value), Some(1.0));
    drop(store);
    assert_eq!(Store::open(folder.path(), config()).unwrap().1, b"kept");
}

#[test]
fn a_cut_is_the_store_of_its_instant_however_late_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    let columns: Vec<_> = (0..3).map(|i| (Series::named(&format!("g{i}")), Kind::Gauge)).collect();
    let write = |steps: std::ops::Range<i64>| {
        for step in steps {
            for agent in 0..20 {
                let rows = store.rows(agent, &columns);
                store.append(&rows, Timestamp(step * 60_000 + agent as i64), TEN, &[step as f64; 3]).unwrap();
            }
        }
    };
    write(0..300);
    let (cut, before) = (store.cut(b"cut").unwrap(), all(&store, "g1"));
    write(300..600);
    store.maintain(Timestamp(600 * 60_000)).unwrap();
    store.write(cut).unwrap();
    let superseded = store.cut(b"never").unwrap();
    drop(store.cut(b"nor this").unwrap());
    assert!(matches!(store.write(superseded), Err(Error::Superseded)));
    write(600..610);
    drop(store);
    let (store, state) = Store::open(folder.path(), config()).unwrap();
    assert_eq!((state, all(&store, "g1")), (b"cut".to_vec(), before));
}
