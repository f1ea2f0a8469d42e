//! Reading what came late: the series of some groups, each in the span of what was written there.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use weir_sample::Timestamp;

use crate::index::SeriesId;
use crate::read::reader::Reader;
use crate::store::Store;
use crate::write::follow::{Follower, Late};
use crate::{Column, Error, Hint, Matcher, Selection, SeriesData};

impl Store {
    /// Begins to follow after `passed`, with what was late before.
    pub fn follow(&self, passed: Timestamp, late: Late) -> Arc<Follower> {
        self.inner.followers.add(passed, late)
    }

    /// Says that a follower is about to read up to `until`: what is written there from now on is late.
    pub fn pass(&self, follower: &Follower, until: Timestamp) {
        self.inner.followers.pass(follower, until);
    }

    /// Gives what was late, series by series in order of identity, until `each` breaks off. A series of a group of which another came late
    /// is given in the same span.
    ///
    /// # Errors
    /// As [`Store::select`].
    pub fn select_late(
        &self,
        late: &Late,
        matchers: &[Matcher],
        each: &mut dyn FnMut(SeriesData) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.late_of(late, matchers, false, &|first| first, &mut |data, span| match within(data, span) {
            Some(data) => each(data),
            None => ControlFlow::Continue(()),
        })
    }

    /// Gives histograms of groups that something came late to, from where `since` says that their counting began on: all of each, and the
    /// span of what was late.
    ///
    /// # Errors
    /// As [`Store::select`].
    pub fn select_late_histograms(
        &self,
        late: &Late,
        matchers: &[Matcher],
        since: &dyn Fn(i64) -> i64,
        each: &mut dyn FnMut(SeriesData, (i64, i64)) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.late_of(late, matchers, true, since, &mut |data, span| match within(data, (since(span.0), i64::MAX)) {
            Some(data) => each(data, span),
            None => ControlFlow::Continue(()),
        })
    }

    /// Gives the histograms of a stretch of time, in order of identity. Floats are not read.
    ///
    /// # Errors
    /// As [`Store::select`].
    pub fn select_histograms(
        &self,
        matchers: &[Matcher],
        (start, end): (Timestamp, Timestamp),
        each: &mut dyn FnMut(SeriesData) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let selection = Selection { matchers, start, end, hint: Hint::default(), any_order: false };
        let mut reader = Reader::new(&self.inner, &selection)?;
        reader.histograms_alone = true;
        for same in reader.find(matchers).chunk_by(|a, b| a.id == b.id) {
            let flow =
                reader.series(same, &selection, &mut |data| match within(data, (start.millis(), end.millis())) {
                    Some(data) => each(data),
                    None => ControlFlow::Continue(()),
                })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn late_of(
        &self,
        late: &Late,
        matchers: &[Matcher],
        histograms_alone: bool,
        since: &dyn Fn(i64) -> i64,
        each: &mut dyn FnMut(SeriesData, (i64, i64)) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let Some((start, end)) = late.span() else { return Ok(()) };
        let (start, end) = (Timestamp(since(start.millis())), if histograms_alone { Timestamp(i64::MAX) } else { end });
        let selection = Selection { matchers, start, end, hint: Hint::default(), any_order: false };
        let mut reader = Reader::new(&self.inner, &selection)?;
        reader.histograms_alone = histograms_alone;
        let mut all = reader.find(matchers);
        let mut spans = HashMap::<SeriesId, (i64, i64)>::new();
        for found in all.iter().filter(|found| found.is_in_memory()) {
            if let Some((first, last)) = late.groups.get(&found.found.group) {
                let span = spans.entry(found.id).or_insert((*first, *last));
                *span = (span.0.min(*first), span.1.max(*last));
            }
        }
        all.retain(|found| spans.contains_key(&found.id));
        for same in all.chunk_by(|a, b| a.id == b.id) {
            let span = spans[&same[0].id];
            if reader.series(same, &selection, &mut |data| each(data, span))?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The samples of a span; `None` if there are none.
fn within(mut data: SeriesData, (first, last): (i64, i64)) -> Option<SeriesData> {
    let from = data.timestamps.partition_point(|time| *time < first);
    let to = data.timestamps.partition_point(|time| *time <= last);
    if from >= to {
        return None;
    }
    fn cut<T>(all: &mut Vec<T>, from: usize, to: usize) {
        if !all.is_empty() {
            all.truncate(to);
            all.drain(..from);
        }
    }
    cut(&mut data.timestamps, from, to);
    cut(&mut data.starts, from, to);
    match &mut data.values {
        Column::Floats(values) => cut(values, from, to),
        Column::Histograms(values) => cut(values, from, to),
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_sample::{Kind, Series};

    use super::*;
    use crate::StoreConfig;

    const STEP: Duration = Duration::from_secs(10);

    fn read(store: &Store, late: &Late) -> Vec<(String, Vec<i64>)> {
        let mut found = Vec::new();
        store
            .select_late(late, &[], &mut |data| {
                found.push((data.series.name().to_owned(), data.timestamps));
                ControlFlow::Continue(())
            })
            .unwrap();
        found.sort();
        found
    }

    #[test]
    fn what_is_written_behind_a_follower_is_read_again_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
        let series = |name: &str, host: &str| (Series::new(name, [("host", host)]), Kind::Gauge);
        let [a, b] =
            ["a", "b"].map(|host| store.rows(u128::from(host.as_bytes()[0]), &[series("g", host), series("h", host)]));
        let at = |second: i64| Timestamp::from_secs(second);
        let append = |rows: &crate::Rows, second, values: &[f64]| store.append(rows, at(second), STEP, values).unwrap();
        for second in [10, 20, 30, 40] {
            append(&a, second, &[1.0, 2.0]);
        }
        append(&b, 10, &[1.0, 2.0]);
        let follower = store.follow(at(0), Late::default());
        store.pass(&follower, at(30));
        assert!(follower.late().is_empty(), "what was there is no news");
        append(&b, 40, &[1.0, 2.0]);
        assert!(follower.late().is_empty(), "nor is what is after it");
        append(&b, 20, &[5.0, f64::NAN]);
        let late = follower.take_late();
        assert_eq!(late.len(), 1);
        assert_eq!(read(&store, &late), [("g".to_owned(), vec![20_000])]);
        assert_eq!(Late::decode(&late.encode()).unwrap(), late);
        assert_eq!(Late::decode(&late.encode()[1..]), None);
        // Samples with times of their own, and a histogram.
        let imported = Series::new("i", [("instance", "x")]);
        store.append_sample(&imported, Kind::Gauge, at(25), 7.0).unwrap();
        store.append_sample(&imported, Kind::Gauge, at(35), 7.0).unwrap();
        store
            .append_received(&Series::new("d", [("instance", "y")]), at(15), &weir_sample::Histogram::default())
            .unwrap();
        let more = follower.take_late();
        assert_eq!(read(&store, &more), [("d".to_owned(), vec![15_000]), ("i".to_owned(), vec![25_000])]);
        follower.put_back(&late);
        follower.put_back(&more);
        assert_eq!(follower.late().len(), 3);
    }

    #[test]
    fn a_late_delta_changes_the_newest_total_which_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
        let rows = store.rows(1, &[(Series::new("c", [("host", "a")]), Kind::Counter)]);
        let append = |second| store.append(&rows, Timestamp::from_secs(second), STEP, &[1.0]).unwrap();
        append(10);
        append(30);
        let follower = store.follow(Timestamp::from_secs(30), Late::default());
        append(20);
        assert_eq!(read(&store, &follower.take_late()), [("c".to_owned(), vec![30_000])]);
    }
}
