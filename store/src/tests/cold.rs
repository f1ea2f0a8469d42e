//! Blocks in an object store: what is read is the same, and what goes wrong there stays there.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

use super::*;
use crate::{ColdConfig, Remote, Tier};

pub(super) const DAY: i64 = 86_400;

/// An object store in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// A folder of a disk with which the object store fails: its requests are operations there.
    pub(super) beside: OnceLock<PathBuf>,
    pub(super) objects: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(super) down: AtomicBool,
    /// What is stored is not what was sent.
    pub(super) garbles: AtomicBool,
    requests: AtomicU64,
}

impl Memory {
    pub(super) fn config(self: &Arc<Self>, cache_bytes: u64) -> ColdConfig {
        ColdConfig { remote: self.clone(), after: Duration::from_secs(3_600), cache_bytes }
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    fn answer(&self) -> io::Result<()> {
        self.requests.fetch_add(1, Relaxed);
        if let Some(folder) = self.beside.get() {
            weir_files::sync_folder(folder).map_err(|error| error.source)?;
        }
        if self.down.load(Relaxed) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl Remote for Memory {
    fn put(&self, key: &str, body: &mut dyn Read) -> io::Result<()> {
        self.answer()?;
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes)?;
        if self.garbles.load(Relaxed) {
            bytes[20] ^= 1;
        }
        self.objects.lock().unwrap().insert(key.to_owned(), bytes);
        self.answer()
    }

    fn get_range(&self, key: &str, offset: u64, size: usize) -> io::Result<Vec<u8>> {
        self.answer()?;
        let objects = self.objects.lock().unwrap();
        let bytes = objects.get(key).ok_or(io::ErrorKind::NotFound)?;
        Ok(bytes.iter().skip(offset as usize).take(size).copied().collect())
    }

    fn delete(&self, key: &str) -> io::Result<()> {
        self.answer()?;
        self.objects.lock().unwrap().remove(key);
        Ok(())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        self.answer()?;
        let objects = self.objects.lock().unwrap();
        let inside = objects.iter().filter(|(key, _)| key.starts_with(&format!("{folder}/")));
        Ok(inside.map(|(key, bytes)| (key.clone(), bytes.len() as u64)).collect())
    }
}

pub(super) fn config(remote: &Arc<Memory>, cache_bytes: u64) -> StoreConfig {
    let (raw_retention, hour_retention) = (Duration::from_secs(3 * DAY as u64), Duration::ZERO);
    let minute_retention = Duration::ZERO;
    let cold = Some(remote.config(cache_bytes));
    StoreConfig { chunk_rows: 60, cold, raw_retention, minute_retention, hour_retention, ..StoreConfig::default() }
}

pub(super) fn fill(store: &Store, minutes: std::ops::Range<i64>) {
    for minute in minutes {
        let ts = Timestamp::from_secs(minute * 60);
        let columns = [(Series::new("g", [("host", "a")]), Kind::Gauge)];
        store.append(&store.rows(1, &columns), ts, Duration::from_secs(60), &[(minute as f64).sin()]).unwrap();
        if minute % 60 == 0 {
            store.maintain(ts).unwrap();
        }
    }
}

/// Samples of `g` in seconds, and whether the answer says that it lacks some.
pub(super) fn select(store: &Store, range: (i64, i64)) -> (usize, bool) {
    let matchers = [Matcher::new(NAME, MatchOp::Equal, "g").unwrap()];
    let (start, end) = (Timestamp::from_secs(range.0), Timestamp::from_secs(range.1));
    let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
    let mut samples = 0;
    let answered = store.select(&selection, &mut |data| {
        samples += data.timestamps.len();
        ControlFlow::Continue(())
    });
    (samples, answered.unwrap().partial)
}

fn cold(store: &Store) -> usize {
    store.inner.block_set().blocks.iter().filter(|block| block.is_cold()).count()
}

fn files(folder: &Path, extension: &str) -> usize {
    let names = std::fs::read_dir(folder.join("blocks")).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|e| e == extension)).count()
}

#[test]
fn what_is_read_is_the_same_wherever_it_stands() {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Arc::<Memory>::default());
    let (store, _) = Store::open(folder.path(), config(&remote, 1 << 20)).unwrap();
    fill(&store, 0..2 * 1_440);
    let before = floats(&store, "g");
    assert_eq!(store.move_cold(Timestamp::from_secs(2 * DAY)).unwrap(), 2, "the window before zero and the first day");
    assert_eq!((cold(&store), remote.keys().len(), floats(&store, "g")), (2, 2, before.clone()));
    store.checkpoint(b"").unwrap();
    let here = store.inner.block_set().blocks.len() - 2;
    assert_eq!((files(folder.path(), "block"), files(folder.path(), "cold")), (here, 2));
    drop(store);
    let (store, _) = Store::open(folder.path(), config(&remote, 1 << 20)).unwrap();
    let requests = remote.requests.load(Relaxed);
    assert_eq!(floats(&store, "g"), before, "from the cache");
    assert_eq!(store.label_values("host", &[], Timestamp(0), Timestamp(1)).unwrap(), ["a"]);
    assert_eq!((remote.requests.load(Relaxed), store.move_cold(Timestamp::from_secs(2 * DAY)).unwrap()), (requests, 0));
    drop(store);
    let read = crate::verify(folder.path(), Some(remote.clone())).unwrap();
    let unread = crate::verify(folder.path(), None).unwrap();
    assert_eq!((read.damaged.len(), read.cold_unread, unread.damaged.len(), unread.cold_unread), (0, 0, 0, 2));
    assert!(read.samples > unread.samples);
}

#[test]
fn an_object_store_that_is_down_costs_only_what_it_has() {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Arc::<Memory>::default());
    let (store, _) = Store::open(folder.path(), config(&remote, 0)).unwrap();
    fill(&store, 0..2 * 1_440);
    remote.down.store(true, Relaxed);
    assert!(matches!(store.move_cold(Timestamp::from_secs(2 * DAY)), Err(Error::Remote { .. })));
    assert_eq!((cold(&store), select(&store, (0, 2 * DAY))), (0, (2_880, false)));
    remote.down.store(false, Relaxed);
    assert_eq!(store.move_cold(Timestamp::from_secs(2 * DAY)).unwrap(), 2);
    remote.down.store(true, Relaxed);
    assert_eq!(select(&store, (0, 2 * DAY)), (1_439, true));
    assert_eq!(select(&store, (DAY + 1, 2 * DAY)), (1_439, false), "a query that does not need it does not notice");
    // A late sample of that day waits; the windows of today become blocks none the less.
    let late = [(Series::new("g", [("host", "a")]), Kind::Gauge)];
    store.append(&store.rows(1, &late), Timestamp::from_secs(30), TEN, &[7.0]).unwrap();
    fill(&store, 2 * 1_440..2 * 1_440 + 300);
    store.checkpoint(b"").unwrap();
    assert!(store.inner.block_set().frontier > Timestamp::from_secs(2 * DAY).millis());
    assert_eq!(select(&store, (0, 2 * DAY)), (1_441, true));
    remote.down.store(false, Relaxed);
    fill(&store, 2 * 1_440 + 300..2 * 1_440 + 600);
    assert_eq!(select(&store, (0, 2 * DAY)), (2_882, false));
    let reading = |name: &str| store.readings().into_iter().find(|r| r.series.name() == name).unwrap().value;
    assert_eq!(reading("weir_store_cold_failures_total"), 1.0);
    assert!(reading("weir_store_cold_unreachable_total") >= 2.0 && reading("weir_store_cold_bytes") > 0.0);
    drop(store);
    let (store, _) = Store::open(folder.path(), StoreConfig { cold: None, ..config(&remote, 0) }).unwrap();
    assert!(select(&store, (0, 2 * DAY)).1, "without an object store it says so too");
}

#[test]
fn what_does_not_arrive_as_it_was_sent_is_not_moved() {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Arc::<Memory>::default());
    let (store, _) = Store::open(folder.path(), config(&remote, 0)).unwrap();
    fill(&store, 0..2 * 1_440);
    remote.garbles.store(true, Relaxed);
    let refused = store.move_cold(Timestamp::from_secs(2 * DAY)).unwrap_err();
    assert!(matches!(refused, Error::Remote { source, .. } if source.kind() == io::ErrorKind::InvalidData));
    assert_eq!((cold(&store), select(&store, (0, 2 * DAY))), (0, (2_880, false)));
    remote.garbles.store(false, Relaxed);
    assert_eq!(store.move_cold(Timestamp::from_secs(2 * DAY)).unwrap(), 2);
    assert_eq!((remote.keys().len(), select(&store, (0, 2 * DAY))), (2, (2_880, false)));
}

#[test]
fn retention_deletes_objects_once_no_checkpoint_names_them() {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Arc::<Memory>::default());
    let (store, _) = Store::open(folder.path(), config(&remote, 1 << 20)).unwrap();
    fill(&store, 0..2 * 1_440);
    store.move_cold(Timestamp::from_secs(2 * DAY)).unwrap();
    store.checkpoint(b"").unwrap();
    let kept = |store: &Store| store.inner.block_set().of(Tier::Raw).filter(|block| block.is_cold()).count();
    store.maintain(Timestamp::from_secs(5 * DAY)).unwrap();
    store.move_cold(Timestamp::from_secs(2 * DAY)).unwrap();
    assert_eq!((kept(&store), remote.keys().len()), (0, 2), "the checkpoint still names them");
    store.checkpoint(b"").unwrap();
    drop(store);
    let (store, _) = Store::open(folder.path(), config(&remote, 1 << 20)).unwrap();
    assert_eq!(remote.keys().len(), 2);
    store.move_cold(Timestamp::from_secs(2 * DAY)).unwrap();
    assert_eq!((remote.keys().len(), files(folder.path(), "cold")), (0, 0));
}
