//! Series that several senders write: partial aggregates are merged by (series, window) and written once the window's
//! allowed lateness has passed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use weir_sample::{Histogram, Kind, Series, Timestamp, Value, Window};
use weir_store::Store;

use crate::Error;
use crate::plan::{stored_kind, totals_of};

/// Owner of shared series in the store; no agent id is all ones.
const SHARED: u128 = u128::MAX;

/// The parts of open windows, merged.
pub(crate) type Open = BTreeMap<Window, HashMap<Series, Part>>;

/// What is known of a series in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub value: Value,
    /// When the gauge that stands was received; nothing else depends on time.
    pub at: Timestamp,
}

/// Windows still open, and what the late ones cost.
#[derive(Default)]
pub(crate) struct Partials {
    open: Open,
    /// No window that ends at or before this instant is open any more.
    closed_until: Timestamp,
    /// Parts that came after their window was closed and were added to the oldest open one.
    pub late_added: u64,
    /// Gauges that came after their window was closed and were left out.
    pub late_gauges: u64,
}

impl Partials {
    /// Merges one part. A part of a closed window goes to the oldest open window after it; a gauge of the past is
    /// dropped, because a newer value stands already. Of gauges the one received last stands, whichever is read last.
    pub(crate) fn merge(&mut self, window: Window, series: &Series, value: Value, at: Timestamp) {
        let mut window = window;
        if window.end() <= self.closed_until {
            if matches!(value, Value::Gauge(_)) {
                self.late_gauges += 1;
                return;
            }
            self.late_added += 1;
            window = Window::containing(self.closed_until, window.interval());
        }
        let parts = self.open.entry(window).or_default();
        match parts.get_mut(series) {
            Some(part) => part.merge(Part { value, at }),
            None => {
                parts.insert(series.clone(), Part { value, at });
            }
        }
    }

    /// Opens windows again that were closed by a clock which was set back since: what comes now must not wait for that time.
    pub(crate) fn reopen(&mut self, now: Timestamp, lateness: Duration) {
        if self.closed_until > now.plus(lateness) {
            self.closed_until = now.minus(lateness);
        }
    }

    /// Hands over every window that ends by `complete`, as all who send parts have passed it, or whose lateness has passed at
    /// `now`.
    pub(crate) fn close(
        &mut self,
        now: Timestamp,
        complete: Timestamp,
        lateness: Duration,
        mut hand_over: impl FnMut(Window, &HashMap<Series, Part>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while let Some(entry) = self.open.first_entry() {
            let window = *entry.key();
            if window.end() > complete && window.end().plus(lateness) > now {
                return Ok(());
            }
            hand_over(window, entry.get())?;
            entry.remove();
            self.closed_until = self.closed_until.max(window.end());
        }
        Ok(())
    }

    /// No window that ends by then is to be opened any more.
    pub(crate) fn pass(&mut self, until: Timestamp) {
        self.closed_until = self.closed_until.max(until);
    }

    /// The end of the earliest window that is not written yet.
    pub(crate) fn earliest_end(&self) -> Option<Timestamp> {
        self.open.keys().map(|window| window.end()).min()
    }

    pub(crate) fn open(&self) -> &Open {
        &self.open
    }

    pub(crate) fn closed_until(&self) -> Timestamp {
        self.closed_until
    }

    /// Takes up where a checkpoint left off.
    pub(crate) fn resume(closed_until: Timestamp, open: Open) -> Self {
        Self { open, closed_until, ..Self::default() }
    }
}

impl Part {
    /// Two gauges of the same millisecond: the larger, so that the order of reading makes no difference.
    fn merge(&mut self, other: Part) {
        match (&self.value, &other.value) {
            (Value::Gauge(mine), Value::Gauge(theirs)) => {
                if (other.at, theirs).partial_cmp(&(self.at, mine)) == Some(Ordering::Greater) {
                    *self = other;
                }
            }
            _ => self.value.merge(other.value),
        }
    }
}

/// Writes a window.
pub(crate) fn write(store: &Store, window: Window, parts: &HashMap<Series, Part>) -> Result<(), Error> {
    let (mut columns, mut floats, mut histograms) = (Vec::new(), Vec::new(), Vec::<(usize, &Histogram)>::new());
    for (series, Part { value, .. }) in parts {
        columns.push((series.clone(), stored_kind(value.kind())));
        floats.push(match value {
            Value::Counter(delta) => *delta,
            Value::Gauge(value) => *value,
            Value::Set(set) => set.estimate(),
            Value::Distribution(_) => f64::NAN,
        });
        if let Value::Distribution(histogram) = value {
            histograms.push((columns.len() - 1, histogram));
            columns.extend(totals_of(series));
            floats.extend([histogram.count(), histogram.sum()]);
        }
    }
    debug_assert!(columns.iter().all(|(_, kind)| *kind != Kind::Set));
    let rows = store.rows(SHARED, &columns);
    store.append(&rows, window.end(), window.interval(), &floats)?;
    for (column, histogram) in histograms {
        store.append_histogram(&rows, column, window.end(), histogram)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_counters_move_to_the_oldest_open_window_and_late_gauges_are_counted() {
        let window = |end: i64| Window::ending(Timestamp::from_secs(end), 10_000);
        let (counter, gauge) = (Series::named("c"), Series::named("g"));
        let mut shared = Partials::resume(Timestamp::from_secs(100), BTreeMap::new());
        let mut merge = |end, series, value| shared.merge(window(end), series, value, Timestamp::from_secs(120));
        merge(100, &counter, Value::Counter(2.0));
        merge(110, &counter, Value::Counter(3.0));
        merge(90, &gauge, Value::Gauge(1.0));
        assert_eq!((shared.late_added, shared.late_gauges), (1, 1));
        assert_eq!(shared.open()[&window(110)][&counter].value, Value::Counter(5.0));
        assert_eq!(shared.open().len(), 1);
    }

    #[test]
    fn of_gauges_the_newest_stands_in_whatever_order_they_are_read() {
        let gauges = [(5, 1.0), (7, 2.0), (6, 9.0), (7, 3.0)];
        for turn in 0..gauges.len() {
            let (mut shared, series) = (Partials::default(), Series::named("g"));
            let window = Window::ending(Timestamp::from_secs(10), 10_000);
            for at in 0..gauges.len() {
                let (received, value) = gauges[(at + turn) % gauges.len()];
                shared.merge(window, &series, Value::Gauge(value), Timestamp::from_secs(received));
            }
            let stands = Part { value: Value::Gauge(3.0), at: Timestamp::from_secs(7) };
            assert_eq!(shared.open()[&window][&series], stands);
        }
    }
}
