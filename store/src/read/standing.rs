//! Whether an answer of before stands: what tells a reader that it need not read again.

use std::sync::atomic::Ordering::Relaxed;

use weir_sample::Timestamp;

use crate::{Matcher, Stamp, Store, Tier};

impl Store {
    /// How what may be read from one instant to another, both included, stands now; nothing if that is more than is kept
    /// track of. An answer of samples as they came ([`Store::tier`]) with neither hole nor part missing is the same as long
    /// as every window of it stands. That an object store does not answer changes nothing: what it has is the same.
    pub fn stamp(&self, start: Timestamp, end: Timestamp) -> Option<Stamp> {
        let quarantine = &self.inner.quarantine;
        let damage = quarantine.pages.load(Relaxed) + quarantine.files.load(Relaxed);
        self.inner.versions.stamp(start.millis(), end.millis(), damage)
    }

    /// The tier that answers a selection from `start` on, if it is made now. One that begins later is answered from the
    /// same or a finer one.
    pub fn tier(&self, start: Timestamp, matchers: &[Matcher]) -> Tier {
        self.inner.tier_for(&self.inner.block_set(), start.millis(), matchers)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_sample::{Kind, Series};

    use super::*;
    use crate::{Placed, RetentionRule, StoreConfig};

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;

    /// The minutes of the first hours that no longer stand after something was done.
    fn changed(store: &Store, act: impl FnOnce(&Store)) -> Vec<i64> {
        let stamp = || store.stamp(Timestamp(0), Timestamp(6 * HOUR)).unwrap();
        let before = stamp();
        act(store);
        let after = stamp();
        (0..=6 * 60).filter(|minute| !after.stands(&before, *minute)).collect()
    }

    fn store(config: StoreConfig) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), config).unwrap();
        (folder, store)
    }

    #[test]
    fn what_a_row_changes_does_not_stand() {
        let (_folder, store) = store(StoreConfig::default());
        let columns = [(Series::named("c"), Kind::Counter), (Series::named("g"), Kind::Gauge)];
        let rows = store.rows(1, &columns);
        let append = |millis: i64, values: [f64; 2]| {
            let (rows, interval) = (rows.clone(), Duration::from_secs(10));
            move |store: &Store| _ = store.append(&rows, Timestamp(millis), interval, &values).unwrap()
        };
        assert_eq!(changed(&store, append(10 * MINUTE + 5_000, [1.0, 1.0])), [9, 10], "a counter begins with a zero");
        assert_eq!(changed(&store, append(11 * MINUTE, [1.0, 1.0])), [11]);
        assert_eq!(changed(&store, append(20 * MINUTE, [f64::NAN, 1.0])), [20]);
        let late = changed(&store, append(3 * MINUTE, [1.0, f64::NAN]));
        assert!(late.contains(&11), "a late delta is added to the counter's last sample: {late:?}");
        let place = store.places(&[(Series::named("import"), Kind::Gauge)])[0];
        let mut samples = [5, 7].map(|minute| Placed { place, series: 0, time: minute * MINUTE, value: 1.0 }).to_vec();
        assert_eq!(changed(&store, |store| _ = store.append_samples(&mut samples).unwrap()), [5, 7]);
    }

    #[test]
    fn what_maintenance_changes_does_not_stand() {
        let rule = RetentionRule::new("c", [Some(Duration::from_secs(3_600)), None, None]).unwrap();
        let (_folder, store) = store(StoreConfig { rules: vec![rule], ..StoreConfig::default() });
        let rows = store.rows(1, &["c", "g"].map(|name| (Series::named(name), Kind::Gauge)));
        let append = |millis: i64| store.append(&rows, Timestamp(millis), Duration::from_secs(10), &[1.0; 2]).unwrap();
        append(MINUTE);
        append(2 * HOUR - MINUTE);
        let maintain = |minute: i64| move |store: &Store| store.maintain(Timestamp(minute * MINUTE)).unwrap();
        changed(&store, maintain(121));
        let past = changed(&store, maintain(124));
        assert_eq!(past.iter().copied().filter(|minute| *minute < 70).collect::<Vec<_>>(), [60, 61, 62, 63, 64]);
        append(3 * HOUR);
        let flushed = changed(&store, maintain(180));
        assert!((0..=120).all(|minute| flushed.contains(&minute)), "a flush: {flushed:?}");
    }
}
