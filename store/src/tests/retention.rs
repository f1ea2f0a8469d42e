//! Metrics that are kept shorter or longer than the others.

use super::*;
use crate::{RetentionRule, Tier};

const DAY: i64 = 86_400;

fn days(count: i64) -> Duration {
    Duration::from_secs((count * DAY) as u64)
}

fn config() -> StoreConfig {
    let rules = vec![
        RetentionRule::new("short_.*", [Some(days(1)), Some(days(3)), Some(Duration::ZERO)]).unwrap(),
        RetentionRule::new("long_.*", [Some(days(5)), None, None]).unwrap(),
    ];
    let (raw_retention, minute_retention, hour_retention) = (days(2), days(4), days(30));
    StoreConfig { chunk_rows: 60, rules, raw_retention, minute_retention, hour_retention, ..StoreConfig::default() }
}

fn fill(store: &Store, minutes: std::ops::Range<i64>) {
    let series = |name: &str| (Series::named(name), Kind::Gauge);
    let rows = store.rows(1, &[series("short_a"), series("usual"), series("long_b")]);
    for minute in minutes {
        let ts = Timestamp::from_secs(minute * 60);
        store.append(&rows, ts, Duration::from_secs(60), &[1.0, 2.0, 3.0]).unwrap();
        if minute % 60 == 0 {
            store.maintain(ts).unwrap();
        }
    }
}

/// Tier, first instant in seconds, and number of samples of a metric since an instant.
fn select(store: &Store, name: &str, since: i64) -> (Tier, Option<i64>, usize) {
    let matchers = [Matcher::new(NAME, MatchOp::Equal, name).unwrap()];
    let (start, end) = (Timestamp::from_secs(since), Timestamp(i64::MAX));
    let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
    let (mut first, mut count) = (None, 0);
    let answered = store.select(&selection, &mut |data| {
        (first, count) = (data.timestamps.first().map(|ts| ts / 1_000), data.timestamps.len());
        ControlFlow::Continue(())
    });
    (answered.unwrap().tier, first, count)
}

fn names(store: &Store, tier: Tier, end: i64) -> Vec<String> {
    let mut names = std::collections::BTreeSet::new();
    for block in store.inner.block_set().of(tier).filter(|block| block.name.end <= end * 1_000) {
        let labels = block.read_labels().unwrap().unwrap();
        names.extend(labels.matching(&[]).iter().filter_map(|found| Some(labels.series_of(found)?.name().to_owned())));
    }
    names.into_iter().collect()
}

#[test]
fn each_metric_is_kept_as_its_rule_says() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), config()).unwrap();
    let now = 6 * DAY;
    fill(&store, 1..now / 60 + 1);
    // What is asked for from before its retention is answered by the tier that still has it.
    assert_eq!(select(&store, "usual", now - 2 * DAY + 60), (Tier::Raw, Some(now - 2 * DAY + 60), 2 * 1_440));
    assert_eq!(select(&store, "usual", now - 3 * DAY).0, Tier::Minute);
    assert_eq!(select(&store, "long_b", now - 5 * DAY + 60), (Tier::Raw, Some(now - 5 * DAY + 60), 5 * 1_440));
    let (tier, first, _) = select(&store, "short_a", now - 2 * DAY);
    assert!(tier == Tier::Minute && first >= Some(now - 2 * DAY - 120), "{first:?}");
    let (tier, first, _) = select(&store, "short_a", now - DAY / 2);
    assert_eq!((tier, first), (Tier::Raw, Some(now - DAY / 2)));
    // Nothing past shows, whatever blocks still have it, and no point of an hour was ever kept.
    let (_, first, _) = select(&store, "short_a", 0);
    assert!(first.is_none_or(|first| first >= now - 3 * DAY), "{first:?}");
    // Old blocks hold only those that need them.
    assert_eq!(names(&store, Tier::Raw, now - 3 * DAY), ["long_b"]);
    assert_eq!(names(&store, Tier::Hour, now - DAY), ["long_b", "usual"]);
    let reopened = {
        store.checkpoint(b"").unwrap();
        drop(store);
        Store::open(folder.path(), config()).unwrap().0
    };
    assert_eq!(select(&reopened, "long_b", now - 5 * DAY + 60).2, 5 * 1_440);
    reopened.maintain(Timestamp::from_secs(13 * DAY)).unwrap();
    assert_eq!(reopened.inner.block_set().of(Tier::Raw).count(), 0, "whole blocks go as before");
}
