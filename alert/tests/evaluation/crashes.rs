//! The power goes at any write: states are as before, no event is lost, none is invented.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use weir_alert::evaluate::{Evaluator, Told};
use weir_alert::event::{Event, Status};
use weir_alert::states::{StateError, StateStore};
use weir_files::fault::{Disk, Fault};
use weir_sample::Timestamp;

use crate::bench::{Bench, Out, groups, plain};

const RULES: &str = "groups:
  - name: g
    rules:
      - {record: r, expr: x * 2}
      - {alert: High, expr: r > 4, for: 20s, annotations: {a: '{{ $value }} on {{ $labels.host }}'}}
  - name: h
    rules:
      - {alert: Any, expr: count(x > 2) > 2, keep_firing_for: 20s}
";

/// Steps of 10 s.
const STEPS: i64 = 200;

/// A number from 0 to `below`, the same at every run.
fn chance(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

fn fill(bench: &mut Bench) {
    let mut seed = 7;
    for step in 0..STEPS {
        for host in ["a", "b", "c", "d", "e"] {
            // Mostly as it was, so that alerts live for a while.
            let high = chance(&mut seed, 100) < 50 + 40 * u64::from((step / 7) % 2 == 0);
            bench.set(&format!("x{{host={host}}}"), step * 10, if high { 3.0 } else { 1.0 });
        }
    }
}

/// A new process over the same file, series and outlet.
fn restart(path: &Path, bench: &mut Bench) -> Result<(), StateError> {
    let store = StateStore::open(path)?.0;
    bench.evaluator = Evaluator::new(store, plain())?;
    bench.load(&groups("rules.yml", RULES));
    Ok(())
}

fn by_number(out: &Out) -> BTreeMap<(String, u64), Vec<Event>> {
    let mut events: BTreeMap<_, Vec<Event>> = BTreeMap::new();
    for event in &out.events {
        events.entry((event.source.clone(), event.seq)).or_default().push(event.clone());
    }
    events
}

#[test]
fn hundreds_of_crashes_lose_nothing_and_invent_nothing() {
    let mut quiet = Bench::new(RULES);
    fill(&mut quiet);
    (0..STEPS).for_each(|step| drop(quiet.at(step * 10)));
    let expected = by_number(&quiet.out);
    assert!(expected.len() > 40, "{} events are enough to lose some", expected.len());

    // In memory if that can be: whether the real disk syncs is not what is tested, and it takes its time.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("states.redb");
    let disk = Disk::under(folder.path());
    let mut bench = Bench::on(&path, RULES);
    fill(&mut bench);
    let (mut seed, mut crashes) = (1, 0);
    for step in 0..STEPS {
        let told = Told::complete_at(Timestamp::from_secs(step * 10));
        loop {
            // The queue refuses now and then, and once in a while the power goes at one of the next writes.
            bench.out.refuses_events = chance(&mut seed, 5) == 0;
            bench.out.refuses_rows = chance(&mut seed, 9) == 0;
            disk.fail_after(chance(&mut seed, 40), Fault::Broken);
            let turn = bench.turn(&told);
            if turn.failure.is_none() && !turn.more {
                break;
            }
            if chance(&mut seed, 8) > 0 {
                crashes += 1;
                disk.fail_after(0, Fault::Broken);
                bench.evaluator = Evaluator::new(StateStore::in_memory().unwrap(), plain()).unwrap();
                disk.crash_keeping(chance(&mut seed, 3) as f64 / 2.0);
                restart(&path, &mut bench).unwrap();
            } else {
                disk.heal();
            }
        }
        disk.heal();
    }
    (bench.out.refuses_events, bench.out.refuses_rows) = (false, false);
    bench.at((STEPS - 1) * 10);
    assert!(crashes > 200, "{crashes} crashes");
    let got = by_number(&bench.out);
    let numbers = |events: &BTreeMap<(String, u64), Vec<Event>>| events.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(numbers(&got), numbers(&expected), "after {crashes} crashes");
    for (number, said) in &got {
        // The value of an alert that goes on is not written at each evaluation; after a crash its end tells an older one.
        let exact =
            |event: &Event| Event { value: event.value.filter(|_| event.status == Status::Firing), ..event.clone() };
        assert_eq!(exact(&said[0]), exact(&expected[number][0]), "the first time {number:?} was said");
        let kept = |event: &Event| (event.labels.clone(), event.status, event.starts_at_ms, event.active_at_ms);
        assert!(said.iter().all(|event| kept(event) == kept(&said[0])), "{said:?}");
    }
    let rows = |out: &Out| -> BTreeMap<_, _> {
        out.rows.iter().map(|row| ((row.series.clone(), row.at), row.value.to_bits())).collect()
    };
    assert_eq!(rows(&quiet.out).len(), rows(&bench.out).len());
    let different = rows(&quiet.out).into_iter().find(|(key, value)| rows(&bench.out)[key] != *value);
    assert_eq!(different, None);
}

#[test]
fn a_failed_disk_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::under(folder.path());
    let mut bench =
        Bench::on(&folder.path().join("states.redb"), "groups: [{name: g, rules: [{alert: Down, expr: x}]}]");
    bench.set("x", 0, 1.0);
    disk.fail_after(0, Fault::NoSpace);
    let told = Told::complete_at(Timestamp(0));
    let failure = bench.turn(&told).failure.unwrap();
    assert!(failure.contains("states.redb"), "{failure}");
    assert!(bench.turn(&told).failure.is_some());
    assert!(bench.out.events.is_empty(), "nothing is said that is not kept");
    disk.heal();
    assert_eq!(bench.at(0), ["Down firing 1"]);
    assert_eq!(bench.evaluator.counters().failures, 2);
}

#[test]
fn a_damaged_file_is_put_aside_and_a_newer_one_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states.redb");
    let mut bench = Bench::on(&path, RULES);
    fill(&mut bench);
    (0..50).for_each(|step| drop(bench.at(step * 10)));
    drop(bench);
    let sound = std::fs::read(&path).unwrap();
    for (number, damage) in [0, 100, sound.len() / 3, sound.len() / 2].into_iter().enumerate() {
        let mut bytes = sound.clone();
        bytes[damage..].iter_mut().take(5_000).for_each(|byte| *byte ^= 0x55);
        std::fs::write(&path, &bytes).unwrap();
        let (mut store, aside) = StateStore::open(&path).unwrap();
        match aside {
            Some(aside) => {
                assert_eq!(std::fs::read(&aside).unwrap().len(), bytes.len(), "all of it is there to be looked at");
                assert!(aside.to_string_lossy().contains("states.redb.damaged"));
                assert_eq!(store.groups().unwrap().len(), 0);
            }
            // The damage is in a page that nothing uses.
            None => assert!(number > 0 && store.groups().is_ok()),
        }
    }
    assert!(folder.path().join("states.redb.damaged").exists());
    std::fs::write(&path, b"no such thing").unwrap();
    assert!(StateStore::open(&path).unwrap().1.is_some());
}

#[test]
fn a_file_of_a_newer_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states.redb");
    drop(StateStore::open(&path).unwrap());
    let newer = redb::Database::create(&path).unwrap();
    let writing = newer.begin_write().unwrap();
    writing.open_table(redb::TableDefinition::<&str, u64>::new("meta")).unwrap().insert("format", 2).unwrap();
    writing.commit().unwrap();
    drop(newer);
    StateStore::open(&path).unwrap_err();
    let refused = StateStore::open(&path).unwrap_err();
    assert!(matches!(refused, StateError::Newer { found: 2, known: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("start that one, or move the file away"), "{refused}");
    assert!(!folder.path().join("states.redb.damaged").exists());
}

#[test]
fn two_processes_do_not_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states.redb");
    let _first = StateStore::open(&path).unwrap();
    let refused = StateStore::open(&path).unwrap_err().to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
    assert!(!folder.path().join("states.redb.damaged").exists());
}

#[test]
fn history_is_kept_by_time() {
    let mut bench = Bench::new("groups: [{name: g, rules: [{alert: Down, expr: x > 0}]}]");
    for step in 0..10 {
        bench.set("x{host=a}", step * 10, (step % 2) as f64);
        bench.at(step * 10);
    }
    assert_eq!(bench.history().len(), 5 * 2 + 4);
    let store = bench.evaluator.store();
    let newest = store.history().entries(0, 70_000, 3, |_| true).unwrap();
    assert_eq!(newest.iter().map(|entry| entry.at_ms).collect::<Vec<_>>(), [60_000, 70_000, 70_000]);
    let firing = |entry: &weir_alert::states::Entry| entry.labels.get("host").is_some_and(|host| host == "b");
    assert_eq!(store.history().entries(0, i64::MAX, 10, firing).unwrap(), []);
    bench.evaluator.forget_before(Timestamp::from_secs(50)).unwrap();
    assert_eq!(bench.history().first().unwrap(), "50 pending");
}
