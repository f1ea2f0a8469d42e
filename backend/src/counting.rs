//! Histograms of windows are added up: other systems know only such as count on.
//!
//! Counting begins anew with each period, with an empty histogram that says so. What was added up in a period can be read from the store
//! again at any time, so that after a crash, and after what came late, the same sums go out as would have without.

use std::collections::HashMap;
use std::ops::ControlFlow;

use weir_sample::{Histogram, ResetHint, Series, Timestamp};
use weir_store::{Column, Matcher, SeriesData, Store, Tier};

use crate::tiers::end_of;

/// What each series of histograms has come to.
pub(crate) struct Counting {
    resolution: i64,
    period: Period,
    /// As of `until`.
    known: HashMap<Series, Known>,
    until: Option<Timestamp>,
    /// What the stretch that is being sent comes to.
    next: Vec<(Series, Known)>,
}

/// How long is counted before it begins anew, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period(i64);

/// The last sum of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub time: i64,
    pub sum: Histogram,
}

/// Histograms that count on, by time, and what stood before the first.
#[derive(Debug, PartialEq)]
pub(crate) struct Counted {
    pub series: Series,
    pub times: Vec<i64>,
    pub sums: Vec<Histogram>,
    /// They came from elsewhere.
    pub is_received: bool,
}

/// Counting begins anew after an hour; of points of an hour after a day.
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Distance of the empty histogram ahead of the only one that there is.
const WINDOW: i64 = 10_000;

impl Counting {
    pub(crate) fn new(tier: Tier) -> Self {
        let period = Period(if tier == Tier::Hour { DAY } else { HOUR });
        let (known, until, next) = (HashMap::new(), None, Vec::new());
        Self { resolution: tier.millis().max(1), period, known, until, next }
    }

    pub(crate) fn period(&self) -> Period {
        self.period
    }

    /// To be called before a turn: what has been added up until then is read, unless it is known.
    pub(crate) fn begin(
        &mut self,
        store: &Store,
        matching: &[Vec<Matcher>],
        until: Timestamp,
    ) -> Result<(), weir_store::Error> {
        self.next.clear();
        if self.until == Some(until) {
            return Ok(());
        }
        self.known.clear();
        self.until = None;
        let since = Timestamp(self.period.since(until.millis()));
        for matchers in matching {
            store.select_histograms(matchers, (since, until), &mut |data| {
                if let Some((series, known)) = self.last_of(data, None) {
                    self.known.insert(series, known);
                }
                ControlFlow::Continue(())
            })?;
        }
        self.until = Some(until);
        Ok(())
    }

    /// What is sent of a stretch after what is known.
    pub(crate) fn of_stretch(&mut self, data: SeriesData) -> Option<Counted> {
        let known = self.known.get(&data.series);
        let counted = self.counted(data, known)?;
        self.next.extend(counted.last());
        Some(counted)
    }

    /// What is sent of a series that something came late to, read from the beginning of that period on: from what came late on.
    pub(crate) fn of_late(&mut self, mut data: SeriesData, (first, _): (i64, i64)) -> Option<Counted> {
        let until = self.until?.millis();
        retain_until(&mut data, until);
        let mut counted = self.counted(data, None)?;
        if let Some((series, known)) = counted.last() {
            self.known.insert(series, known);
        }
        let mut from = counted.times.partition_point(|time| *time < first);
        // The empty one belongs to the one after it.
        from -= usize::from(from > 0 && from < counted.sums.len() && is_beginning(&counted.sums[from - 1]));
        counted.times.drain(..from);
        counted.sums.drain(..from);
        (!counted.times.is_empty()).then_some(counted)
    }

    /// To be called when all of a stretch was taken.
    pub(crate) fn pass(&mut self, until: Timestamp) {
        let since = self.period.since(until.millis() + 1) - self.period.0;
        self.known.extend(self.next.drain(..));
        // The period before is kept: the next begins behind what it had.
        self.known.retain(|_, known| known.time >= since);
        self.until = Some(until);
    }

    fn last_of(&self, data: SeriesData, known: Option<&Known>) -> Option<(Series, Known)> {
        self.counted(data, known)?.last()
    }

    fn counted(&self, data: SeriesData, known: Option<&Known>) -> Option<Counted> {
        let Column::Histograms(histograms) = data.values else { return None };
        let (windows, gap) = self.windows(&data.timestamps, histograms);
        let mut counted = Counted { series: data.series, times: Vec::new(), sums: Vec::new(), is_received: false };
        let mut last = known.cloned();
        for (time, histogram) in windows {
            if histogram.hint() != ResetHint::Delta {
                counted.push(time, histogram);
                (counted.is_received, last) = (true, None);
                continue;
            }
            let of_period = last.take_if(|last| self.period.since(last.time) == self.period.since(time));
            let sum = match of_period {
                Some(mut before) => {
                    before.sum.merge(&histogram);
                    before.sum
                }
                None => {
                    let beginning = (time - gap).max(last.map_or(i64::MIN, |last| last.time + 1)).min(time - 1);
                    counted.push(beginning, Histogram::new().with_hint(ResetHint::Reset));
                    histogram
                }
            };
            let sum = sum.with_hint(ResetHint::NotReset);
            last = Some(Known { time, sum: sum.clone().with_hint(ResetHint::Delta) });
            counted.push(time, sum);
        }
        (!counted.times.is_empty()).then_some(counted)
    }

    /// The windows of each minute or hour as one, and the least distance of two.
    fn windows(&self, times: &[i64], histograms: Vec<Histogram>) -> (Vec<(i64, Histogram)>, i64) {
        let mut windows: Vec<(i64, Histogram)> = Vec::with_capacity(times.len());
        for (time, histogram) in times.iter().zip(histograms) {
            let end = end_of(*time, self.resolution);
            match windows.last_mut().filter(|(last, _)| *last == end) {
                Some((_, all)) => all.lay(&histogram),
                None => windows.push((end, histogram)),
            }
        }
        let gap = windows.windows(2).map(|pair| pair[1].0 - pair[0].0).min().unwrap_or(WINDOW);
        (windows, gap.max(self.resolution))
    }
}

impl Period {
    /// The first instant of the period that an instant is in: periods end with whole hours or days.
    pub(crate) fn since(self, time: i64) -> i64 {
        end_of(time, self.0).saturating_sub(self.0 - 1)
    }
}

impl Counted {
    fn push(&mut self, time: i64, sum: Histogram) {
        self.times.push(time);
        self.sums.push(sum);
    }

    /// The last, if windows are added to it.
    fn last(&self) -> Option<(Series, Known)> {
        let sum = self.sums.last().filter(|_| !self.is_received)?;
        let sum = sum.clone().with_hint(ResetHint::Delta);
        Some((self.series.clone(), Known { time: *self.times.last()?, sum }))
    }
}

fn is_beginning(histogram: &Histogram) -> bool {
    histogram.hint() == ResetHint::Reset && histogram.count() == 0.0
}

fn retain_until(data: &mut SeriesData, until: i64) {
    let to = data.timestamps.partition_point(|time| *time <= until);
    data.timestamps.truncate(to);
    if let Column::Histograms(histograms) = &mut data.values {
        histograms.truncate(to);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_sample::Kind;
    use weir_store::StoreConfig;

    use super::*;

    const STEP: Duration = Duration::from_secs(10);

    struct Bench {
        store: Store,
        rows: weir_store::Rows,
        _folder: tempfile::TempDir,
    }

    impl Bench {
        fn start() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
            let rows = store.rows(1, &[(Series::new("d", [("host", "a")]), Kind::Distribution)]);
            Self { store, rows, _folder: folder }
        }

        /// Observes a value so many times in the window that ends then.
        fn observe(&self, second: i64, times: usize) {
            let mut histogram = Histogram::new();
            (0..times).for_each(|_| histogram.insert(1.0));
            let time = Timestamp::from_secs(second);
            self.store.append(&self.rows, time, STEP, &[f64::NAN]).unwrap();
            self.store.append_histogram(&self.rows, 0, time, &histogram).unwrap();
        }

        fn stretch(&self, counting: &mut Counting, after: i64, until: i64) -> Vec<(i64, f64)> {
            let mut found = Vec::new();
            counting.begin(&self.store, &[Vec::new()], Timestamp::from_secs(after)).unwrap();
            let span = (Timestamp(after * 1000 + 1), Timestamp::from_secs(until));
            self.store
                .select_histograms(&[], span, &mut |data| {
                    found.extend(counting.of_stretch(data).map(told).into_iter().flatten());
                    ControlFlow::Continue(())
                })
                .unwrap();
            found
        }
    }

    fn told(counted: Counted) -> Vec<(i64, f64)> {
        counted.times.iter().map(|time| time / 1000).zip(counted.sums.iter().map(Histogram::count)).collect()
    }

    #[test]
    fn windows_add_up_and_begin_anew_with_each_hour() {
        let bench = Bench::start();
        [(3_580, 2), (3_590, 1), (3_600, 1), (3_610, 5)].iter().for_each(|(at, times)| bench.observe(*at, *times));
        let mut counting = Counting::new(Tier::Raw);
        let first = bench.stretch(&mut counting, 3_570, 3_595);
        assert_eq!(first, [(3_570, 0.0), (3_580, 2.0), (3_590, 3.0)]);
        assert_eq!(bench.stretch(&mut counting, 3_570, 3_595), first, "what was not taken goes again as it was");
        counting.pass(Timestamp::from_secs(3_595));
        let second = [(3_600, 4.0), (3_600, 0.0), (3_610, 5.0)];
        assert_eq!(bench.stretch(&mut counting, 3_595, 3_615), second);
        let mut anew = Counting::new(Tier::Raw);
        assert_eq!(bench.stretch(&mut anew, 3_595, 3_615), second, "another process reads what was added up");
    }

    #[test]
    fn what_comes_late_is_in_all_sums_after_it() {
        let bench = Bench::start();
        [10, 20, 40].iter().for_each(|at| bench.observe(*at, 1));
        let mut counting = Counting::new(Tier::Raw);
        let follower = bench.store.follow(Timestamp::from_secs(40), weir_store::Late::default());
        bench.stretch(&mut counting, 0, 40);
        counting.pass(Timestamp::from_secs(40));
        bench.observe(30, 7);
        bench.observe(50, 1);
        let (late, period) = (follower.take_late(), counting.period());
        let mut found = Vec::new();
        let mut each = |data, span| {
            found.extend(counting.of_late(data, span).map(told).into_iter().flatten());
            ControlFlow::Continue(())
        };
        bench.store.select_late_histograms(&late, &[], &|first| period.since(first), &mut each).unwrap();
        assert_eq!(found, [(30, 9.0), (40, 10.0)], "{late:?}");
        assert_eq!(bench.stretch(&mut counting, 40, 60), [(50, 11.0)]);
    }

    #[test]
    fn points_of_a_minute_stand_at_its_end_and_received_ones_as_they_are() {
        let bench = Bench::start();
        [70, 80, 130].iter().for_each(|at| bench.observe(*at, 1));
        let mut counting = Counting::new(Tier::Minute);
        assert_eq!(bench.stretch(&mut counting, 60, 180), [(60, 0.0), (120, 2.0), (180, 3.0)]);
        let mut received = Histogram::new().with_hint(ResetHint::Unknown);
        received.insert(1.0);
        bench.store.append_received(&Series::named("r"), Timestamp::from_secs(30), &received).unwrap();
        let mut counting = Counting::new(Tier::Raw);
        counting.begin(&bench.store, &[Vec::new()], Timestamp(0)).unwrap();
        let data = SeriesData {
            series: Series::named("r"),
            kind: Kind::Distribution,
            tier: Tier::Raw,
            timestamps: vec![30_000],
            values: Column::Histograms(vec![received.clone()]),
            starts: Vec::new(),
            more: false,
        };
        let counted = counting.of_stretch(data).unwrap();
        assert_eq!((&counted.sums[..], counted.is_received), (&[received][..], true));
        assert!(counting.next.is_empty(), "nothing is added to it");
    }
}
