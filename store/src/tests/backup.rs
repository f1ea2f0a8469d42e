//! Backups: what is brought back is the store of that time, or an error.

use std::path::{Path, PathBuf};

use super::cold::{DAY, Memory, config, fill};
use super::*;
use crate::{Forgotten, Remote, Transferred, backups, forget};

/// Beside a store.
fn events(store: &Path) -> PathBuf {
    store.with_file_name(format!("{}-events", store.file_name().unwrap().display()))
}

fn backup(store: &Path, cold: Option<Arc<dyn Remote>>, target: &Memory, name: &str) -> Result<Transferred, Error> {
    crate::backup(store, &events(store), cold, target, name)
}

fn restore(source: &Memory, at: Option<&str>, store: &Path) -> Result<(String, Transferred), Error> {
    crate::restore(source, at, store, &events(store))
}

/// A store of two days, its first day in an object store, and the folder it is in.
fn store(cold: &Arc<Memory>) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(&folder.path().join("store"), config(cold, 0)).unwrap();
    fill(&store, 0..2 * 1_440);
    store.move_cold(Timestamp::from_secs(2 * DAY)).unwrap();
    store.checkpoint(b"there").unwrap();
    (folder, store)
}

#[test]
fn what_is_brought_back_is_the_store_of_that_time() {
    let (cold, target) = (Arc::<Memory>::default(), Memory::default());
    let (folder, store) = store(&cold);
    let (path, before) = (folder.path().join("store"), floats(&store, "g"));
    let first = backup(&path, Some(cold.clone() as Arc<dyn Remote>), &target, "1").unwrap();
    fill(&store, 2 * 1_440..2 * 1_440 + 400);
    store.checkpoint(b"later").unwrap();
    let (second, after) =
        (backup(&path, Some(cold.clone() as Arc<dyn Remote>), &target, "2").unwrap(), floats(&store, "g"));
    assert_eq!((first.there, second.there, backups(&target).unwrap()), (0, 2, vec!["1".to_owned(), "2".to_owned()]));
    assert!(second.bytes < first.bytes);
    assert!(matches!(restore(&target, None, &path), Err(Error::NotEmpty(_))));
    assert!(matches!(restore(&target, Some("3"), &folder.path().join("none")), Err(Error::NoBackup(_))));
    for (at, state, expected) in [(Some("1"), &b"there"[..], before), (None, b"later", after)] {
        let copy = folder.path().join(format!("copy-{}", at.unwrap_or("newest")));
        restore(&target, at, &copy).unwrap();
        // Nothing of the cold object store is needed.
        let (restored, saved) = Store::open(&copy, StoreConfig { cold: None, ..config(&cold, 0) }).unwrap();
        assert_eq!((saved.as_slice(), floats(&restored, "g")), (state, expected));
    }
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing is left over: {names:?}");
}

#[test]
fn a_backup_that_ended_early_does_not_count_and_a_damaged_one_is_refused() {
    let (cold, target) = (Arc::<Memory>::default(), Memory::default());
    let (folder, _store) = store(&cold);
    let path = folder.path().join("store");
    assert!(matches!(backup(&path, None, &target, "0"), Err(Error::Remote { .. })), "cold blocks are not there");
    assert!(backups(&target).unwrap().is_empty());
    backup(&path, Some(cold.clone() as Arc<dyn Remote>), &target, "1").unwrap();
    for key in target.keys() {
        let flip = |at: usize| target.objects.lock().unwrap().get_mut(&key).unwrap()[at] ^= 1;
        let at = target.objects.lock().unwrap()[&key].len() / 2;
        flip(at);
        let copy = folder.path().join("copy");
        assert!(restore(&target, None, &copy).is_err(), "{key} is damaged");
        assert!(!copy.exists());
        flip(at);
    }
    target.objects.lock().unwrap().pop_first();
    assert!(matches!(restore(&target, None, &folder.path().join("copy")), Err(Error::Remote { .. })));
}

#[test]
fn old_backups_go_with_what_no_other_needs() {
    let (cold, target) = (Arc::<Memory>::default(), Memory::default());
    let (folder, store) = store(&cold);
    let path = folder.path().join("store");
    for (name, until) in [("1", 300), ("2", 700), ("3", 1_440)] {
        backup(&path, Some(cold.clone() as Arc<dyn Remote>), &target, name).unwrap();
        fill(&store, 2 * 1_440 + until - 300..2 * 1_440 + until);
        store.checkpoint(name.as_bytes()).unwrap();
    }
    let (all, expected) = (target.keys(), floats(&store, "g"));
    assert_eq!(forget(&target, 3).unwrap(), Forgotten::default());
    assert_eq!(target.keys(), all);
    // What a backup leaves that was cut off.
    target.put("snapshots/0/head/1.head", &mut &b"x"[..]).unwrap();
    target.put("blocks/left", &mut &b"y"[..]).unwrap();
    backup(&path, Some(cold.clone() as Arc<dyn Remote>), &target, "4").unwrap();
    let gone = forget(&target, 1).unwrap();
    assert_eq!((gone.backups, backups(&target).unwrap()), (3, vec!["4".to_owned()]));
    assert!(!target.keys().iter().any(|key| key.contains("left") || !key.contains("/4/") && key.starts_with("snap")));
    let copy = folder.path().join("copy");
    let (_, brought) = restore(&target, None, &copy).unwrap();
    assert_eq!(brought.sent as usize + 1, target.keys().len(), "nothing but its files and the manifest is left");
    let (restored, _) = Store::open(&copy, StoreConfig { cold: None, ..config(&cold, 0) }).unwrap();
    assert_eq!(floats(&restored, "g"), expected);
}

#[test]
fn nothing_is_forgotten_while_a_backup_that_stays_cannot_be_read() {
    let (cold, target) = (Arc::<Memory>::default(), Memory::default());
    let (folder, _store) = store(&cold);
    for name in ["1", "2"] {
        backup(&folder.path().join("store"), Some(cold.clone() as Arc<dyn Remote>), &target, name).unwrap();
    }
    target.put("snapshots/2/manifest", &mut &b"weir-backup 1\n"[..]).unwrap();
    let before = target.keys();
    assert!(matches!(forget(&target, 1), Err(Error::Damaged { what: "manifest", .. })));
    assert_eq!(target.keys(), before);
}

#[test]
fn events_go_with_the_store_and_come_back_as_they_were() {
    let (cold, target) = (Arc::<Memory>::default(), Memory::default());
    let (folder, _store) = store(&cold);
    let path = folder.path().join("store");
    let write = |day: &str, text: &str| {
        std::fs::create_dir_all(events(&path).join("3")).unwrap();
        std::fs::write(events(&path).join("3").join(day), text).unwrap();
    };
    let backup = |name: &str| backup(&path, Some(cold.clone()), &target, name).unwrap();
    let of_events = || target.keys().iter().filter(|key| key.starts_with("events/")).count();
    write("20000", "yesterday");
    write("20001", "today");
    backup("1");
    write("20001", "today and later");
    let second = backup("2");
    let blocks = target.keys().iter().filter(|key| key.starts_with("blocks/")).count() as u64;
    assert_eq!((second.there, of_events()), (blocks + 1, 3), "of events only what has grown is sent again");
    for (at, today) in [("1", "today"), ("2", "today and later")] {
        let copy = folder.path().join(format!("copy-{at}"));
        restore(&target, Some(at), &copy).unwrap();
        let read = |day: &str| std::fs::read_to_string(events(&copy).join("3").join(day)).unwrap();
        assert_eq!([read("20000"), read("20001")], ["yesterday", today]);
        assert_eq!(std::fs::read_dir(events(&copy)).unwrap().count(), 1);
    }
    // Others' events are not written over.
    let copy = folder.path().join("copy-3");
    std::fs::create_dir_all(events(&copy).join("4")).unwrap();
    assert!(matches!(restore(&target, None, &copy), Err(Error::NotEmpty(of)) if of == events(&copy)));
    forget(&target, 1).unwrap();
    assert_eq!(of_events(), 2);
    for key in target.keys().into_iter().filter(|key| key.starts_with("events/")) {
        target.objects.lock().unwrap().get_mut(&key).unwrap()[0] ^= 1;
    }
    assert!(matches!(restore(&target, None, &folder.path().join("copy-4")), Err(Error::Damaged { .. })));
}
