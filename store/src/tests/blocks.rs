//! Blocks and coarser tiers: what is read is the same wherever it stands.

use std::os::unix::fs::FileExt;

use super::*;
use crate::Tier;

const DAY: i64 = 86_400;

pub(super) fn config() -> StoreConfig {
    StoreConfig { chunk_rows: 60, ..StoreConfig::default() }
}

fn columns() -> Vec<(Series, Kind)> {
    vec![(Series::new("c", [("host", "a")]), Kind::Counter), (Series::new("g", [("host", "a")]), Kind::Gauge)]
}

/// Writes a row a minute, grown by one and at the minute of the hour, and lets the store keep order once an hour.
pub(super) fn fill(store: &Store, minutes: std::ops::Range<i64>) {
    let rows = store.rows(1, &columns());
    for minute in minutes {
        let ts = Timestamp::from_secs(minute * 60);
        store.append(&rows, ts, Duration::from_secs(60), &[1.0, (minute % 60) as f64]).unwrap();
        if minute % 60 == 0 {
            store.maintain(ts).unwrap();
        }
    }
}

fn select(store: &Store, name: &str, range: (i64, i64), hint: Hint) -> (Tier, Vec<(i64, f64)>) {
    let matchers = [Matcher::new(NAME, MatchOp::Equal, name).unwrap()];
    let (start, end) = (Timestamp::from_secs(range.0), Timestamp::from_secs(range.1));
    let mut samples = Vec::new();
    let selection = Selection { matchers: &matchers, start, end, hint, any_order: false };
    let mut tiers = Vec::new();
    let answered = store.select(&selection, &mut |data| {
        tiers.push(data.tier);
        let Column::Floats(values) = data.values else { panic!("not floats") };
        samples.extend(data.timestamps.iter().map(|ts| ts / 1_000).zip(values));
        ControlFlow::Continue(())
    });
    let tier = answered.unwrap().tier;
    assert!(tiers.iter().all(|&read| read == tier), "{tiers:?} of {tier:?}");
    (tier, samples)
}

#[test]
fn samples_are_the_same_in_blocks_and_after_compaction() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    fill(&store, 0..2 * 1_440);
    let stats = store.stats();
    assert_eq!(stats.tiers[0].blocks, 13, "the window that ends at zero, a day, eleven windows: {stats:?}");
    let expected: Vec<_> = (0..2 * 1_440).map(|minute| (minute * 60, (minute % 60) as f64)).collect();
    assert_eq!(select(&store, "g", (0, 2 * DAY), Hint::Raw), (Tier::Raw, expected.clone()));
    store.checkpoint(b"").unwrap();
    drop(store);
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    assert_eq!(select(&store, "g", (0, 2 * DAY), Hint::Raw), (Tier::Raw, expected));
    assert_eq!(select(&store, "g", (7_140, 7_260), Hint::Raw).1, [(7_140, 59.0), (7_200, 0.0), (7_260, 1.0)]);
    assert_eq!(store.label_values("host", &[], Timestamp(0), Timestamp(1)).unwrap(), ["a"]);
}

#[test]
fn what_is_older_than_raw_samples_is_answered_by_points() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        raw_retention: Duration::from_secs(DAY as u64),
        minute_retention: Duration::from_secs(3 * DAY as u64),
        ..config()
    };
    let (store, _) = Store::open(folder.path(), config).unwrap();
    fill(&store, 0..6 * 1_440);
    let hour = |hint| select(&store, "g", (10_800, 3 * 3_600), hint);
    let points = |at: [f64; 3]| (Tier::Hour, vec![(3_600, at[0]), (7_200, at[1]), (10_800, at[2])]);
    assert_eq!(hour(Hint::Max), points([59.0; 3]));
    assert_eq!(hour(Hint::Min), points([0.0; 3]));
    assert_eq!(hour(Hint::Count).1[1..], [(7_200, 60.0), (10_800, 60.0)]);
    assert_eq!(hour(Hint::Sum).1[1..], [(7_200, 1_770.0), (10_800, 1_770.0)]);
    let (tier, samples) = select(&store, "c", (DAY, 6 * DAY), Hint::Increase);
    assert_eq!(tier, Tier::Hour);
    // The range begins two points earlier. A stretch that is not over yet stands at its last sample.
    assert_eq!(samples.first().unwrap().0, DAY - 2 * 3_600);
    assert_eq!(samples.last().unwrap(), &(6 * DAY, 6.0 * 1_440.0));
    let (_, samples) = select(&store, "c", (DAY, 6 * DAY - 600), Hint::Increase);
    assert_eq!(samples.last().unwrap(), &(6 * DAY - 600, 6.0 * 1_440.0 - 9.0));
    assert!(samples.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[1].1 - pair[0].1 <= 60.0));
    assert_eq!(select(&store, "g", (3 * DAY + 3_600, 3 * DAY + 3_720), Hint::Raw).0, Tier::Minute);
    assert_eq!(select(&store, "g", (6 * DAY - 7_200, 6 * DAY), Hint::Raw).0, Tier::Raw);
}

#[test]
fn late_samples_change_the_points_that_they_touch() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    fill(&store, 0..600);
    let late = store.rows(1, &columns());
    store.append(&late, Timestamp::from_secs(630), TEN, &[f64::NAN, 1_000.0]).unwrap();
    fill(&store, 600..1_000);
    let (tier, samples) = select(&store, "g", (600, 700), Hint::Max);
    assert_eq!((tier, samples), (Tier::Raw, vec![(600, 10.0), (630, 1_000.0), (660, 11.0)]));
    let set = store.inner.block_set();
    let points = set.of(Tier::Minute).filter(|block| block.name.start == 0).count();
    assert_eq!(points, 2, "the first block of the window and the one laid over it");
    let day = store.stats().tiers[1].blocks;
    fill(&store, 1_000..1_600);
    assert!(store.stats().tiers[1].blocks < day + 5, "a day was merged");
    // Without raw blocks the minutes answer.
    let raw: Vec<u64> = store.inner.block_set().of(Tier::Raw).map(|block| block.name.number).collect();
    store.inner.publish(&raw, Vec::new(), i64::MIN, |_| ());
    let (tier, samples) = select(&store, "g", (600, 700), Hint::Max);
    assert_eq!((tier, samples), (Tier::Minute, vec![(480, 8.0), (540, 9.0), (600, 10.0), (660, 1_000.0)]));
}

#[test]
fn distributions_merge_in_points() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    let rows = store.rows(1, &[(Series::named("d"), Kind::Distribution)]);
    let mut one = Histogram::new();
    one.insert(3.0);
    for step in 1..=3_000 {
        store.append_histogram(&rows, 0, Timestamp::from_secs(step * 10), &one).unwrap();
    }
    store.maintain(Timestamp::from_secs(30_000)).unwrap();
    let raw: Vec<u64> = store.inner.block_set().of(Tier::Raw).map(|block| block.name.number).collect();
    assert!(!raw.is_empty());
    store.inner.publish(&raw, Vec::new(), i64::MIN, |_| ());
    let found = all(&store, "d");
    let Column::Histograms(histograms) = &found[0].values else { panic!("not histograms") };
    assert_eq!((histograms.len(), histograms.iter().map(Histogram::count).sum::<f64>()), (500, 3_000.0));
}

#[test]
fn a_damaged_page_is_counted_and_its_block_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    fill(&store, 0..600);
    store.checkpoint(b"").unwrap();
    let (_, before) = select(&store, "g", (0, 36_000), Hint::Raw);
    let block = store.inner.block_set().of(Tier::Raw).find(|block| block.name.start == 0).unwrap().clone();
    drop(store);
    let path = &block.pages.path;
    let file = std::fs::OpenOptions::new().write(true).read(true).open(path).unwrap();
    let (at, mut byte) = (block.pages.index[0].offset + 9, [0]);
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
    let verified = crate::verify(folder.path(), None).unwrap();
    assert_eq!(verified.damaged, [format!("{}: page at {}", path.display(), block.pages.index[0].offset)]);
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    let (_, after) = select(&store, "g", (0, 36_000), Hint::Raw);
    assert_eq!(after, before, "points of a minute stand for samples of a minute");
    assert_eq!(store.stats().damaged_pages, 1);
    fill(&store, 600..1_600);
    assert!(path.exists(), "a damaged block is not merged away");
}

#[test]
fn a_snapshot_is_the_store_of_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(&folder.path().join("store"), config()).unwrap();
    fill(&store, 0..600);
    store.checkpoint(b"there").unwrap();
    let (_, before) = select(&store, "g", (0, 36_000), Hint::Raw);
    fill(&store, 600..900);
    let copy = folder.path().join("copy");
    crate::snapshot(&folder.path().join("store"), &copy).unwrap();
    assert!(crate::snapshot(&folder.path().join("store"), &copy).is_err(), "it exists");
    let verified = crate::verify(&copy, None).unwrap();
    assert_eq!((verified.damaged.len(), verified.samples > 1_000), (0, true));
    let (restored, state) = Store::open(&copy, config()).unwrap();
    assert_eq!((state, select(&restored, "g", (0, 36_000), Hint::Raw).1), (b"there".to_vec(), before));
    drop(store);
    assert!(crate::verify(&folder.path().join("store"), None).unwrap().damaged.is_empty());
}

#[test]
fn maintenance_that_is_stopped_leaves_the_store_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    let rows = store.rows(1, &columns());
    for minute in 0..600 {
        let ts = Timestamp::from_secs(minute * 60);
        store.append(&rows, ts, Duration::from_secs(60), &[1.0, minute as f64]).unwrap();
    }
    store.stop_maintenance();
    assert!(matches!(store.maintain(Timestamp::from_secs(36_000)), Err(Error::Stopped)));
    assert_eq!(std::fs::read_dir(folder.path().join("blocks")).unwrap().count(), 0);
    assert_eq!(select(&store, "g", (0, 36_000), Hint::Raw).1.len(), 600);
}

#[test]
fn what_is_imported_too_late_for_raw_samples_becomes_points() {
    let folder = tempfile::tempdir().unwrap();
    let config = || StoreConfig { raw_retention: Duration::from_secs(DAY as u64), ..config() };
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    let now = Timestamp::from_secs(10 * DAY);
    store.append_sample(&Series::named("now"), Kind::Gauge, now, 1.0).unwrap();
    for at in (0..4 * 3_600).rev() {
        let ts = Timestamp::from_secs(DAY + at);
        store.append_sample(&Series::named("old"), Kind::Gauge, ts, (at % 60) as f64).unwrap();
    }
    store.checkpoint(b"").unwrap();
    drop(store);
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    store.maintain(now).unwrap();
    store.append_sample(&Series::named("now"), Kind::Gauge, Timestamp::from_secs(10 * DAY + 9_000), 1.0).unwrap();
    store.maintain(Timestamp::from_secs(10 * DAY + 9_000)).unwrap();
    let (tier, samples) = select(&store, "old", (DAY + 600, DAY + 4 * 3_600 - 1), Hint::Sum);
    assert_eq!(tier, Tier::Minute);
    assert!(samples.len() >= 230 && samples[3..].iter().all(|&(_, sum)| sum == 1_770.0), "{samples:?}");
}
