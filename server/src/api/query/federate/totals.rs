//! Histograms of windows become totals, as a reader expects who knows only such as count on.
//!
//! A total counts from the beginning of its hour on, and is read from the store each time it is asked for: nothing is remembered,
//! so that a restart or another copy of the server answers the same, and what came late is in the next total. In the first minute
//! of an hour the last total of the hour before and an empty histogram at the hour's beginning stand ahead of it: whoever
//! asks once a minute misses nothing and knows where counting began anew.

use std::collections::HashMap;
use std::ops::ControlFlow;

use weir_query::{Column, Engine, Held, Hint, LabelSet, MatchOp, Matcher, NAME, QueryError, Selection, Source};
use weir_sample::{Histogram, ResetHint, Timestamp};

use super::written::Key;

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

/// Series whose windows are to be added up, by name, and the time of the newest window of each.
#[derive(Default)]
pub(super) struct Windows(HashMap<String, HashMap<String, (i64, Key)>>);

/// Totals of a series, by time.
type Totals = Vec<(Key, Vec<(i64, Histogram)>)>;

impl Windows {
    pub(super) fn ask(&mut self, labels: &LabelSet, newest: i64, key: Key) {
        let of_name = self.0.entry(labels.name().to_owned()).or_default();
        of_name.insert(labels.key().to_owned(), (newest, key));
    }

    /// What the windows come to; `None` if there are none.
    pub(super) fn add_up(
        self,
        engine: &Engine,
        source: &dyn Source,
        matchers: &[Matcher],
    ) -> Result<Option<(Totals, Held)>, QueryError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let answer = engine.list(|allow| {
            let mut all = Totals::new();
            // Nothing else of what is asked for is read for a whole hour.
            for (name, series) in &self.0 {
                let times = || series.values().map(|(newest, _)| *newest);
                let (start, end) = (times().map(first_needed).min(), times().max());
                let (start, end) = (Timestamp(start.unwrap_or_default()), Timestamp(end.unwrap_or_default()));
                let of_name = matcher(name)?;
                let matchers: Vec<_> = matchers.iter().cloned().chain([of_name]).collect();
                let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
                source.select(&selection, &mut |data| {
                    let asked = series.get(data.series.key());
                    let (Some((newest, key)), Column::Histograms(windows)) = (asked, &data.values) else {
                        return ControlFlow::Continue(());
                    };
                    let totals = totals(&data.timestamps, windows, *newest);
                    let bytes = totals.iter().map(|(_, total)| total.heap_bytes()).sum();
                    all.push((key.clone(), totals));
                    allow(bytes)
                })?;
            }
            Ok(all)
        })?;
        Ok(Some(answer))
    }
}

fn matcher(name: &str) -> Result<Matcher, QueryError> {
    Matcher::new(NAME, MatchOp::Equal, name).map_err(|error| QueryError::Parameter(error.to_string()))
}

/// The first instant of the hour that an instant is in: a window that ends with an hour belongs to it.
fn beginning(time: i64) -> i64 {
    (time - 1).div_euclid(HOUR) * HOUR + 1
}

/// Whether an hour is so new that what the one before came to is told too.
fn is_new(newest: i64) -> bool {
    newest < beginning(newest) + MINUTE
}

fn first_needed(newest: i64) -> i64 {
    beginning(newest) - if is_new(newest) { HOUR } else { 0 }
}

fn totals(times: &[i64], windows: &[Histogram], newest: i64) -> Vec<(i64, Histogram)> {
    let since = beginning(newest);
    let (mut before, mut total) = ((0, Histogram::new()), Histogram::new());
    for (time, window) in times.iter().zip(windows) {
        if *time > newest || *time < first_needed(newest) || window.hint() != ResetHint::Delta {
            continue;
        }
        if *time < since {
            before.0 = *time;
            before.1.merge(window);
        } else {
            total.merge(window);
        }
    }
    // An idle series has its last window in an hour that is over; nothing begins then.
    let mut all = Vec::new();
    if is_new(newest) && newest > since {
        all.extend((before.0 > 0).then_some(before));
        all.push((since, Histogram::new()));
    }
    all.push((newest, total));
    all.into_iter().map(|(time, total)| (time, total.with_hint(ResetHint::Unknown))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_700_006_400_000 / HOUR * HOUR;

    /// Windows of one observation each.
    fn told(windows: &[i64], newest: i64) -> Vec<(i64, f64)> {
        let times: Vec<_> = windows.iter().map(|second| NOON + second * 1_000).collect();
        let mut window = Histogram::new();
        window.insert(2.0);
        let totals = totals(&times, &vec![window.with_hint(ResetHint::Delta); times.len()], NOON + newest * 1_000);
        assert!(totals.iter().all(|(_, total)| total.hint() == ResetHint::Unknown));
        totals.iter().map(|(time, total)| (time - NOON, total.count())).collect()
    }

    #[test]
    fn a_total_counts_from_the_beginning_of_its_hour() {
        let windows = [-20, -10, 0, 10, 20, 70, 80];
        assert_eq!(told(&windows, 70), [(70_000, 3.0)]);
        // The window that ends with an hour is of that hour.
        assert_eq!(told(&windows, 0), [(0, 3.0)]);
        assert_eq!(told(&windows, 20), [(0, 3.0), (1, 0.0), (20_000, 2.0)]);
        assert_eq!(told(&windows[4..], 20), [(1, 0.0), (20_000, 1.0)]);
        assert_eq!(told(&windows, 3_600), [(3_600_000, 4.0)], "of windows up to the newest");
    }

    #[test]
    fn what_is_no_window_is_not_added_up() {
        let (mut window, mut counts_on) = (Histogram::new(), Histogram::new());
        window.insert(1.0);
        counts_on.insert_weighted(1.0, 100.0);
        let all = [window.with_hint(ResetHint::Delta), counts_on.with_hint(ResetHint::Unknown)];
        let totals = totals(&[NOON + 100_000, NOON + 110_000], &all, NOON + 120_000);
        assert_eq!(totals.iter().map(|(_, total)| total.count()).collect::<Vec<_>>(), [1.0]);
    }
}
