//! A flipped bit in any file: repaired, the store is sound, and what was not hit is as it was.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::*;
use crate::repair;

const DAY: i64 = 86_400;

fn config() -> StoreConfig {
    StoreConfig { chunk_rows: 60, ..StoreConfig::default() }
}

/// A store of a day and a half of forty gauges: blocks of all tiers, slabs, and something in memory.
fn store(folder: &Path) -> Vec<Vec<SeriesData>> {
    let (store, _) = Store::open(folder, config()).unwrap();
    for agent in 0..2u128 {
        let host = format!("h{agent}");
        let series = |i: usize| (Series::new(&format!("g{i}"), [("host", host.as_str())]), Kind::Gauge);
        let columns: Vec<_> = (0..20).map(series).collect();
        let rows = store.rows(agent, &columns);
        for minute in 0..DAY / 60 + 720 {
            let values: Vec<f64> = (0..20).map(|i| (minute as f64 * (i + 1) as f64).sin()).collect();
            store.append(&rows, Timestamp::from_secs(minute * 60), TEN, &values).unwrap();
        }
    }
    store.maintain(Timestamp::from_secs(DAY + 720 * 60)).unwrap();
    store.checkpoint(b"state").unwrap();
    contents(&store)
}

fn contents(store: &Store) -> Vec<Vec<SeriesData>> {
    (0..20).map(|i| all(store, &format!("g{i}"))).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.join("checkpoint")];
    for part in ["head", "slabs", "blocks"] {
        found.extend(std::fs::read_dir(folder.join(part)).unwrap().map(|entry| entry.unwrap().path()));
    }
    found
}

fn flip(path: &Path, share: f64) {
    let file = std::fs::OpenOptions::new().write(true).read(true).open(path).unwrap();
    let at = (file.metadata().unwrap().len() as f64 * share) as u64;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 16], at).unwrap();
}

#[test]
fn a_flipped_bit_in_any_file_costs_what_is_said_and_nothing_else() {
    let origin = tempfile::tempdir().unwrap();
    let before = store(&origin.path().join("store"));
    assert_eq!(repair(&origin.path().join("store")).unwrap(), Default::default(), "a sound store");
    // Of the blocks, one of each tier and size.
    let mut seen = std::collections::BTreeSet::new();
    let kind = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        crate::disk::block::BlockName::parse(&name)
            .map_or(name, |block| format!("{} {}", block.tier.name(), block.span()))
    };
    let files = files(&origin.path().join("store")).into_iter().filter(|path| seen.insert(kind(path)));
    for (at, path) in files.enumerate() {
        for share in [0.02, 0.5, 0.9, 0.999] {
            let copy = origin.path().join("copy");
            crate::snapshot(&origin.path().join("store"), &copy).unwrap();
            let hit = copy.join(path.strip_prefix(origin.path().join("store")).unwrap());
            // A snapshot links files; only the copy is to be damaged.
            let bytes = std::fs::read(&hit).unwrap();
            std::fs::remove_file(&hit).unwrap();
            std::fs::write(&hit, bytes).unwrap();
            flip(&hit, share);
            let broken = !crate::verify(&copy, None).is_ok_and(|found| found.damaged.is_empty());
            let repaired = repair(&copy).unwrap();
            let name = format!("{at} {} at {share}: {repaired:?}", path.display());
            assert_eq!(broken, repaired != Default::default(), "{name}");
            assert!(crate::verify(&copy, None).unwrap().damaged.is_empty(), "{name}");
            assert_eq!(repair(&copy).unwrap(), Default::default(), "nothing is left to do: {name}");
            let (store, _) = Store::open(&copy, config()).unwrap();
            check(&before, &contents(&store), &repaired.lost, &name);
            drop(store);
            std::fs::remove_dir_all(&copy).unwrap();
        }
    }
}

/// What is there is what was there; what is not there was said to be lost.
fn check(before: &[Vec<SeriesData>], after: &[Vec<SeriesData>], lost: &[String], name: &str) {
    let samples = |data: &SeriesData| {
        let Column::Floats(values) = &data.values else { panic!("not floats") };
        data.timestamps.iter().copied().zip(values.iter().map(|value| value.to_bits())).collect::<Vec<_>>()
    };
    let mut missing = 0;
    for (before, after) in before.iter().zip(after) {
        for old in before {
            let (old_samples, new) = (samples(old), after.iter().find(|new| new.series == old.series));
            let new = new.map(samples).unwrap_or_default();
            missing += old_samples.len() - new.len();
            assert!(new.iter().all(|sample| old_samples.binary_search(sample).is_ok()), "{name}");
        }
    }
    assert!(missing == 0 || !lost.is_empty(), "{missing} samples are gone and nothing says so: {name}");
}

#[test]
fn points_are_worked_out_again_where_samples_are_there() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path());
    let points = |store: &Store| {
        let raw: Vec<u64> = store.inner.block_set().of(crate::Tier::Raw).map(|block| block.name.number).collect();
        store.inner.publish(&raw, Vec::new(), i64::MIN, |_| ());
        contents(store)
    };
    let expected = points(&Store::open(folder.path(), config()).unwrap().0);
    for share in [0.3, 0.9999] {
        let minutes = files(folder.path()).into_iter().filter(|path| path.to_string_lossy().contains("/1m_"));
        minutes.for_each(|path| flip(&path, share));
        let repaired = repair(folder.path()).unwrap();
        assert!(repaired.lost.iter().all(|line| line.contains("worked out again")), "{repaired:?}");
        assert_eq!(points(&Store::open(folder.path(), config()).unwrap().0), expected);
    }
}
