//! Exemplars: of each series the latest, in memory alone. What the queue brings again is known, and nothing is kept twice.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use weir_sample::{Reading, Series, Timestamp};

/// An observation that is shown for many: mostly with the trace that it was made in.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// When it was observed.
    pub time: Timestamp,
    /// What was observed.
    pub value: f64,
    /// Labels of its own, such as `trace_id`, sorted.
    pub labels: Vec<(String, String)>,
}

impl Exemplar {
    fn says_the_same_as(&self, other: &Self) -> bool {
        self.value.to_bits() == other.value.to_bits() && self.labels == other.labels
    }
}

/// All exemplars of a sink, for whoever keeps and whoever asks.
#[derive(Debug)]
pub struct Exemplars {
    /// Of all series together.
    most: AtomicUsize,
    shelf: Mutex<Shelf>,
    kept: AtomicU64,
    known: AtomicU64,
    evicted: AtomicU64,
    too_old: AtomicU64,
    of_no_series: AtomicU64,
}

#[derive(Debug, Default)]
struct Shelf {
    /// By series; each with the number that it was kept under.
    series: HashMap<Series, VecDeque<(u64, Exemplar)>>,
    /// The series of what was kept, in order; some is there no more.
    order: VecDeque<(u64, Series)>,
    next: u64,
    total: usize,
}

/// Exemplars of one series: of many more a panel shows none.
pub const MOST_OF_SERIES: usize = 100;
/// Characters of an exemplar's labels, names and values together, as OpenMetrics has it.
pub const MOST_LABEL_CHARACTERS: usize = 128;
/// Exemplars of all series, unless a setting says otherwise; as usual for Prometheus.
pub const USUAL_EXEMPLARS: usize = 100_000;

impl Default for Exemplars {
    fn default() -> Self {
        let (kept, known, evicted, too_old, of_no_series) = Default::default();
        Self { most: USUAL_EXEMPLARS.into(), shelf: Mutex::default(), kept, known, evicted, too_old, of_no_series }
    }
}

impl Exemplars {
    /// Keeps so many from now on; zero keeps none.
    pub(crate) fn set_most(&self, most: usize) {
        self.most.store(most, Relaxed);
    }

    /// Keeps an exemplar of a series; those that are over a bound make room, the oldest first.
    pub fn keep(&self, series: &Series, exemplar: Exemplar) {
        let most = self.most.load(Relaxed);
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = match shelf.put(series, exemplar, most) {
            Put::Kept => &self.kept,
            Put::Known => &self.known,
            Put::TooOld => &self.too_old,
        };
        counter.fetch_add(1, Relaxed);
        self.evicted.fetch_add(shelf.make_room(most), Relaxed);
    }

    /// Counts exemplars whose series is not stored.
    pub(crate) fn leave_out(&self, count: usize) {
        self.of_no_series.fetch_add(count as u64, Relaxed);
    }

    /// Those from `start` to `end` of the series that match, in order of series and of time.
    pub fn select(
        &self,
        (start, end): (Timestamp, Timestamp),
        matches: impl Fn(&Series) -> bool,
    ) -> Vec<(Series, Vec<Exemplar>)> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let within = |kept: &VecDeque<(u64, Exemplar)>| -> Vec<Exemplar> {
            let within = kept.iter().filter(|(_, exemplar)| (start..=end).contains(&exemplar.time));
            within.map(|(_, exemplar)| exemplar.clone()).collect()
        };
        let matching = shelf.series.iter().filter(|(series, _)| matches(series));
        let found = matching.map(|(series, kept)| (series.clone(), within(kept)));
        let mut found: Vec<_> = found.filter(|(_, exemplars)| !exemplars.is_empty()).collect();
        drop(shelf);
        found.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        found
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let (held, series) = {
            let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
            (shelf.total as f64, shelf.series.len() as f64)
        };
        let dropped = |reason, value: &AtomicU64| {
            Reading::counter("weir_sink_exemplars_dropped_total", &[("reason", reason)], value.load(Relaxed), DROPPED)
        };
        vec![
            Reading::gauge("weir_sink_exemplars", &[], held, "Exemplars in memory."),
            Reading::gauge("weir_sink_exemplar_series", &[], series, "Series that they are of."),
            Reading::counter("weir_sink_exemplars_total", &[], self.kept.load(Relaxed), "Exemplars kept."),
            Reading::counter("weir_sink_exemplars_known_total", &[], self.known.load(Relaxed), KNOWN),
            dropped("evicted", &self.evicted),
            dropped("too_old", &self.too_old),
            dropped("series", &self.of_no_series),
        ]
    }
}

/// What became of an exemplar.
enum Put {
    Kept,
    Known,
    TooOld,
}

impl Shelf {
    fn put(&mut self, series: &Series, exemplar: Exemplar, most: usize) -> Put {
        if most == 0 {
            return Put::TooOld;
        }
        let kept = self.series.entry(series.clone()).or_default();
        let at = kept.partition_point(|(_, other)| other.time <= exemplar.time);
        let same_time = kept.range(..at).rev().take_while(|(_, other)| other.time == exemplar.time);
        if same_time.into_iter().any(|(_, other)| *other == exemplar) {
            return Put::Known;
        }
        // An endpoint tells its exemplar at every scrape until there is another, mostly without a time.
        let before = kept.range(..at).next_back().map(|(_, other)| other);
        if before.is_some_and(|other| !other.labels.is_empty() && other.says_the_same_as(&exemplar)) {
            return Put::Known;
        }
        if kept.len() >= MOST_OF_SERIES && at == 0 {
            return Put::TooOld;
        }
        kept.insert(at, (self.next, exemplar));
        self.order.push_back((self.next, series.clone()));
        (self.next, self.total) = (self.next + 1, self.total + 1);
        Put::Kept
    }

    /// Drops what is over a bound: of the series that was put to last its oldest, of all what was kept first. Returns how many.
    fn make_room(&mut self, most: usize) -> u64 {
        let before = self.total;
        if let Some(kept) = self.order.back().and_then(|(_, series)| self.series.get_mut(series))
            && kept.len() > MOST_OF_SERIES
        {
            kept.pop_front();
            self.total -= 1;
        }
        while self.total > most {
            let Some((number, series)) = self.order.pop_front() else { break };
            self.drop_one(number, &series);
        }
        if self.order.len() > 2 * self.total + MOST_OF_SERIES {
            let Self { series, order, .. } = self;
            order.retain(|(number, of)| series.get(of).is_some_and(|kept| kept.iter().any(|(own, _)| own == number)));
        }
        (before - self.total) as u64
    }

    fn drop_one(&mut self, number: u64, series: &Series) {
        let Some(kept) = self.series.get_mut(series) else { return };
        if let Some(at) = kept.iter().position(|(own, _)| *own == number) {
            kept.remove(at);
            self.total -= 1;
        }
        if kept.is_empty() {
            self.series.remove(series);
        }
    }
}

const KNOWN: &str = "Exemplars that were there already: senders tell the same one until there is another.";
const DROPPED: &str = "Exemplars that are not shown (loss): evicted made room for newer ones, see [sink] max_exemplars; too_old came after a \
    hundred newer ones of their series, or none are kept; series are of a series that a rule or limit leaves out.";

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (Timestamp, Timestamp) = (Timestamp(i64::MIN), Timestamp(i64::MAX));

    fn exemplar(seconds: i64) -> Exemplar {
        let labels = vec![("trace_id".to_owned(), seconds.to_string())];
        Exemplar { time: Timestamp::from_secs(seconds), value: 1.0, labels }
    }

    fn times(exemplars: &Exemplars, name: &str) -> Vec<i64> {
        let found = exemplars.select(ALL, |series| series.name() == name);
        found.iter().flat_map(|(_, kept)| kept).map(|exemplar| exemplar.time.millis() / 1_000).collect()
    }

    fn reading(exemplars: &Exemplars, name: &str) -> f64 {
        exemplars
            .readings()
            .iter()
            .filter(|reading| reading.series.to_string() == name)
            .map(|reading| reading.value)
            .sum()
    }

    #[test]
    fn each_is_kept_once_in_order_of_time() {
        let exemplars = Exemplars::default();
        for seconds in [5, 3, 5, 9, 3] {
            exemplars.keep(&Series::named("a"), exemplar(seconds));
        }
        exemplars.keep(&Series::named("a"), Exemplar { value: 2.0, ..exemplar(5) });
        exemplars.keep(&Series::named("b"), exemplar(4));
        exemplars.keep(&Series::named("b"), Exemplar { time: Timestamp::from_secs(8), ..exemplar(4) });
        assert_eq!((times(&exemplars, "a"), times(&exemplars, "b")), (vec![3, 5, 5, 9], vec![4]));
        let within = exemplars.select((Timestamp::from_secs(4), Timestamp::from_secs(5)), |_| true);
        assert_eq!(within.iter().map(|(_, kept)| kept.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(reading(&exemplars, "weir_sink_exemplars_known_total"), 3.0);
    }

    #[test]
    fn a_series_keeps_its_latest_and_all_together_what_was_kept_last() {
        let exemplars = Exemplars::default();
        exemplars.set_most(MOST_OF_SERIES + 10);
        (0..20).for_each(|at| exemplars.keep(&Series::named(&format!("s{at}")), exemplar(1)));
        (0..2 * MOST_OF_SERIES as i64).for_each(|at| exemplars.keep(&Series::named("a"), exemplar(1_000 + at)));
        let kept = times(&exemplars, "a");
        assert_eq!((kept.len(), kept[0], kept[MOST_OF_SERIES - 1]), (MOST_OF_SERIES, 1_100, 1_199));
        assert_eq!((times(&exemplars, "s9").len(), times(&exemplars, "s10").len()), (0, 1));
        assert_eq!(reading(&exemplars, "weir_sink_exemplars"), (MOST_OF_SERIES + 10) as f64);
        exemplars.keep(&Series::named("a"), exemplar(7));
        assert_eq!(reading(&exemplars, r#"weir_sink_exemplars_dropped_total{reason="too_old"}"#), 1.0);
        assert_eq!(reading(&exemplars, r#"weir_sink_exemplars_dropped_total{reason="evicted"}"#), 110.0);
        let shelf = exemplars.shelf.lock().unwrap();
        assert!(shelf.order.len() <= 3 * (MOST_OF_SERIES + 10) && shelf.series.len() == 11, "{}", shelf.order.len());
    }

    #[test]
    fn none_are_kept_where_none_are_wanted() {
        let exemplars = Exemplars::default();
        exemplars.set_most(0);
        exemplars.keep(&Series::named("a"), exemplar(1));
        assert_eq!((times(&exemplars, "a"), reading(&exemplars, "weir_sink_exemplar_series")), (vec![], 0.0));
    }
}
