//! Histograms of an export on their way back into a store. To a window that is there already nothing is added: an import that is
//! repeated, or that meets what the store has, counts nothing twice.

use std::collections::HashSet;
use std::ops::ControlFlow;

use anyhow::Result;
use weir_formats::text::Distribution;
use weir_query::{MatchOp, Matcher, NAME};
use weir_sample::{Histogram, ResetHint, Series, Timestamp};
use weir_store::Store;

/// Histograms that are stored at once, of one series.
const MOST_WAITING: usize = 4_096;

/// Histograms of one series that are not stored yet.
#[derive(Default)]
pub(super) struct Waiting {
    series: Option<Series>,
    histograms: Vec<(Timestamp, Histogram)>,
}

/// What became of them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Settled {
    pub(super) stored: u64,
    /// Windows that the store had.
    pub(super) there: u64,
}

impl Waiting {
    /// Whether one can wait with the others: an export has all of a series one after another.
    pub(super) fn has_room_for(&self, one: &Distribution) -> bool {
        self.histograms.len() < MOST_WAITING && self.series.as_ref().is_none_or(|series| *series == one.series)
    }

    pub(super) fn push(&mut self, one: Distribution) {
        self.series = Some(one.series);
        self.histograms.push((one.time, one.histogram));
    }

    /// Stores them all.
    pub(super) fn settle(&mut self, store: &Store) -> Result<Settled> {
        let (Some(series), waiting) = (self.series.take(), std::mem::take(&mut self.histograms)) else {
            return Ok(Settled::default());
        };
        let windows = waiting.iter().filter(|(_, histogram)| histogram.hint() == ResetHint::Delta);
        let times = windows.map(|(time, _)| *time);
        let mut there = match (times.clone().min(), times.max()) {
            (Some(first), Some(last)) => windows_of(store, &series, (first, last))?,
            _ => HashSet::new(),
        };
        let mut settled = Settled::default();
        for (time, histogram) in waiting {
            if histogram.hint() == ResetHint::Delta && !there.insert(time.millis()) {
                settled.there += 1;
            } else {
                store.append_received(&series, time, &histogram)?;
                settled.stored += 1;
            }
        }
        Ok(settled)
    }
}

/// The times of the windows that a store has of a series.
fn windows_of(store: &Store, series: &Series, span: (Timestamp, Timestamp)) -> Result<HashSet<i64>> {
    let equal = |(label, value): (&str, &str)| Matcher::new(label, MatchOp::Equal, value);
    let labels = std::iter::once((NAME, series.name())).chain(series.labels());
    let matchers = labels.map(equal).collect::<Result<Vec<_>, _>>()?;
    let mut times = HashSet::new();
    store.select_histograms(&matchers, span, &mut |data| {
        if data.series == *series {
            times.extend(data.timestamps);
        }
        ControlFlow::Continue(())
    })?;
    Ok(times)
}

#[cfg(test)]
mod tests {
    use weir_store::StoreConfig;

    use super::*;

    fn window(time: i64, value: f64) -> Distribution {
        let mut histogram = Histogram::new();
        histogram.insert(value);
        Distribution { series: Series::new("took", [("host", "a")]), time: Timestamp(time), histogram }
    }

    #[test]
    fn a_window_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
        let mut waiting = Waiting::default();
        let mut settle = |times: &[i64], value: f64| {
            for time in times {
                let one = window(*time, value);
                assert!(waiting.has_room_for(&one));
                waiting.push(one);
            }
            waiting.settle(&store).unwrap()
        };
        assert_eq!(settle(&[10_000, 20_000], 1.0), Settled { stored: 2, there: 0 });
        // Late, known, new, and twice in one text.
        assert_eq!(settle(&[5_000, 20_000, 30_000, 5_000], 9.0), Settled { stored: 2, there: 2 });
        assert_eq!(settle(&[], 1.0), Settled::default());
        let mut sums = Vec::new();
        let span = (Timestamp(0), Timestamp(100_000));
        store
            .select_histograms(&[], span, &mut |data| {
                let weir_query::Column::Histograms(histograms) = data.values else { panic!("numbers") };
                sums.extend(data.timestamps.into_iter().zip(histograms.iter().map(Histogram::sum)));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(sums, [(5_000, 9.0), (10_000, 1.0), (20_000, 1.0), (30_000, 9.0)]);
    }

    #[test]
    fn those_of_another_series_wait_for_their_turn() {
        let mut waiting = Waiting::default();
        waiting.push(window(1, 1.0));
        assert!(waiting.has_room_for(&window(2, 1.0)));
        let other = Distribution { series: Series::new("took", [("host", "b")]), ..window(2, 1.0) };
        assert!(!waiting.has_room_for(&other));
    }
}
