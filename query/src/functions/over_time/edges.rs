//! `anchored` and `smoothed` ranges: what a counter or gauge had at the edges of a window, from the samples beyond them.

use weir_sample::Histogram;

use crate::functions::over_time::function::OverTime;
use crate::functions::over_time::histograms::{is_reset, turned_gauge};
use crate::functions::over_time::mixed::Turn;
use crate::functions::over_time::rate::Change;
use crate::notes::Notes;
use crate::read::between::{began_after, began_anew, interpolate, interpolate_histograms};
use crate::read::reach::Reach;
use crate::read::samples::{Points, Ranges, Samples};
use crate::row::{ABSENT, Row};

/// Values per step; the row has no labels yet.
pub(crate) fn over_time(
    function: &OverTime,
    row: &mut Row,
    samples: &Samples,
    (ranges, reach): (Ranges, Reach),
    notes: &Notes<'_, '_>,
) {
    let (floats, histograms, view) = (&samples.floats, &samples.histograms, ranges.view);
    row.floats.resize(view.count, ABSENT);
    row.histograms.resize(view.count, None);
    for (f, h) in reach.spans(&floats.times, ranges).zip(reach.spans(&histograms.times, ranges)) {
        let end = view.at(f.step);
        let window = Window { start: end.saturating_sub(ranges.width), end, reach };
        let per = if *function == OverTime::Change(Change::Rate) { ranges.width as f64 / 1e3 } else { 1.0 };
        let (f, h, step) = (f.low..f.high, h.low..h.high, f.step);
        match function {
            OverTime::Changes | OverTime::Resets => {
                if let Some((f, h)) = window.anchored((&floats.times, f), (&histograms.times, h)) {
                    row.floats[step] = Turn::of((floats, f), (histograms, h)).count(function) as f64;
                }
            }
            _ if !f.is_empty() && !h.is_empty() => notes.mixed(),
            OverTime::Change(change) if !f.is_empty() => {
                row.floats[step] =
                    window.change(floats, f, *change != Change::Delta).map_or(ABSENT, |value| value / per);
            }
            OverTime::Change(change) if !h.is_empty() => {
                let result = window.histogram_change(histograms, h, *change != Change::Delta, notes);
                row.histograms[step] = result.map(|mut histogram| {
                    histogram.scale(1.0 / per);
                    Box::new(histogram)
                });
            }
            _ => {}
        }
    }
}

/// The samples of a window, with its edges, as an instant query for a range shows them.
pub(crate) fn shown(points: &Points<f64>, (ranges, reach): (Ranges, Reach)) -> Vec<(i64, f64)> {
    let Some(span) = reach.spans(&points.times, ranges).next() else { return Vec::new() };
    let end = ranges.view.at(0);
    let window = Window { start: end.saturating_sub(ranges.width), end, reach };
    let Some((first, last)) = window.around(&points.times, span.low..span.high) else { return Vec::new() };
    let edges = (window.left(points, first, false), window.right(points, span.low, last, false));
    let inside = (first..=last).filter(|&at| points.times[at] > window.start && points.times[at] < window.end);
    let inside = inside.map(|at| (points.times[at], points.values[at]));
    [(window.start, edges.0.0)].into_iter().chain(inside).chain([(window.end, edges.1.0)]).collect()
}

/// `(start, end]`, and what is looked at beyond.
struct Window {
    start: i64,
    end: i64,
    reach: Reach,
}

impl Window {
    /// The newest sample that is not after the start, or the first; and the last, or the first that is not before the end.
    /// `None` if nothing is after the start.
    fn around(&self, times: &[i64], within: std::ops::Range<usize>) -> Option<(usize, usize)> {
        let mut last = within.end.checked_sub(1).filter(|last| *last >= within.start)?;
        let before = times[within.start..last].partition_point(|&time| time <= self.start);
        let first = within.start + before.saturating_sub(1);
        if self.reach.is_smoothed {
            last = within.start + times[within.start..last].partition_point(|&time| time < self.end);
        }
        (times[last] > self.start).then_some((first, last))
    }

    /// The value at the start, and since when it counts.
    fn left(&self, points: &Points<f64>, first: usize, is_counter: bool) -> (f64, i64) {
        let dated = |at: usize| (points.start(at), points.times[at]);
        let mut sample = (points.times[first], points.values[first]);
        let mut began = points.start(first);
        if sample.0 == self.start {
            return (sample.1, began);
        }
        let told = |began: i64| if began > self.start { 0 } else { began };
        if sample.0 > self.start {
            let earliest = self.start - self.reach.lookback;
            if !is_counter || !began_after(earliest, dated(first)) {
                return (sample.1, told(began));
            }
            let between = self.reach.is_smoothed && !began_after(self.start, dated(first));
            let value = if between { interpolate((began, 0.0), sample, self.start, true) } else { 0.0 };
            return (value, told(began));
        }
        let mut next = (points.times[first + 1], points.values[first + 1]);
        began = told(began);
        if is_counter && began_after(self.start, dated(first + 1)) {
            next = (points.start(first + 1), 0.0);
        } else if is_counter && began_anew(dated(first), dated(first + 1)) {
            began = points.start(first + 1);
            sample = (began, 0.0);
        }
        let value = if self.reach.is_smoothed { interpolate(sample, next, self.start, is_counter) } else { sample.1 };
        (value, began)
    }

    /// The value at the end, and since when it counts.
    fn right(&self, points: &Points<f64>, lowest: usize, last: usize, is_counter: bool) -> (f64, i64) {
        let dated = |at: usize| (points.start(at), points.times[at]);
        let mut sample = (points.times[last], points.values[last]);
        let began = points.start(last);
        let told = if began > self.end { 0 } else { began };
        if sample.0 <= self.end {
            return (sample.1, told);
        }
        if last == lowest {
            let earliest = self.start - self.reach.lookback;
            if !is_counter || !began_after(earliest, dated(last)) {
                return (sample.1, told);
            }
            let between = self.reach.is_smoothed && !began_after(self.end, dated(last));
            return (if between { interpolate((began, 0.0), sample, self.end, true) } else { 0.0 }, told);
        }
        let mut before = (points.times[last - 1], points.values[last - 1]);
        let mut told = told;
        if is_counter && began_after(self.end, dated(last)) {
            sample = (began, 0.0);
            told = points.start(last - 1);
        } else if is_counter && began_anew(dated(last - 1), dated(last)) {
            before = (began, 0.0);
        }
        (if self.reach.is_smoothed { interpolate(before, sample, self.end, is_counter) } else { before.1 }, told)
    }

    fn change(&self, points: &Points<f64>, within: std::ops::Range<usize>, is_counter: bool) -> Option<f64> {
        let lowest = within.start;
        let (first, last) = self.around(&points.times, within)?;
        if self.reach.is_smoothed && points.times[first] > self.end {
            let dated = (points.start(first), points.times[first]);
            let earliest = self.start - self.reach.lookback;
            if !is_counter || !began_after(earliest, dated) || began_after(self.end, dated) {
                return None;
            }
        }
        let (left, began_left) = self.left(points, first, is_counter);
        let (right, began_right) = self.right(points, lowest, last, is_counter);
        let mut change = right - left;
        if is_counter {
            let mut before = (left, self.start, began_left);
            let inside = (first..=last).filter(|&at| points.times[at] > self.start && points.times[at] < self.end);
            let inside = inside.map(|at| (points.values[at], points.times[at], points.start(at)));
            for next in inside.chain([(right, self.end, began_right)]) {
                if next.0 < before.0 || began_anew((before.2, before.1), (next.2, next.1)) {
                    change += before.0;
                }
                before = next;
            }
        }
        Some(change)
    }

    fn histogram_change(
        &self,
        points: &Points<Histogram>,
        within: std::ops::Range<usize>,
        is_counter: bool,
        notes: &Notes<'_, '_>,
    ) -> Option<Histogram> {
        use weir_sample::ResetHint::{Delta, Gauge};
        let (first, last) = self.around(&points.times, within)?;
        let (times, values) = (&points.times, &points.values);
        if values[first..=last].iter().all(|value| value.hint() == Delta) {
            // Windows of ours are what was counted in them.
            let inside = (first..=last).filter(|&at| times[at] > self.start && times[at] <= self.end);
            return inside.map(|at| values[at].clone()).reduce(|mut sum, value| {
                sum.merge(&value);
                sum
            });
        }
        if self.reach.is_smoothed && times[first] > self.end {
            return None;
        }
        let has_own_bounds = values[first].has_own_bounds();
        for value in &values[first..=last] {
            if value.has_own_bounds() != has_own_bounds {
                notes.incompatible();
                return None;
            }
            if is_counter && value.hint() == Gauge {
                notes.not_counter();
            }
        }
        let at = |at: usize| (times[at], &values[at]);
        let left = match self.reach.is_smoothed && times[first] < self.start {
            true => notes.interpolated(interpolate_histograms(at(first), at(first + 1), self.start, is_counter))?,
            false => values[first].clone(),
        };
        let right = match self.reach.is_smoothed && last > first && times[last] > self.end {
            true => notes.interpolated(interpolate_histograms(at(last - 1), at(last), self.end, is_counter))?,
            false => values[last].clone(),
        };
        if !is_counter && [&left, &right].iter().any(|edge| edge.hint() != Gauge) {
            notes.not_gauge();
        }
        let mut change = right.clone();
        notes.joined(change.minus(&left), "subtraction")?;
        if is_counter {
            self.add_resets(&mut change, points, (first, last), (&left, &right), notes)?;
        }
        Some(turned_gauge(change))
    }

    /// Adds what histograms had that were followed by a reset.
    fn add_resets(
        &self,
        change: &mut Histogram,
        points: &Points<Histogram>,
        (first, last): (usize, usize),
        (left, right): (&Histogram, &Histogram),
        notes: &Notes<'_, '_>,
    ) -> Option<()> {
        let (times, values) = (&points.times, &points.values);
        let dated = |at: usize| (&values[at], times[at], points.start(at));
        // What the left edge was taken from the middle of is counted already.
        let spans_reset = self.reach.is_smoothed
            && times[first] < self.start
            && first < last
            && values[first + 1].is_reset_after(&values[first]);
        let from = first + 1 + usize::from(spans_reset);
        let mut before = if spans_reset { &values[first + 1] } else { left };
        if from > last {
            return Some(());
        }
        for (at, value) in values.iter().enumerate().take(last).skip(from) {
            if value.is_reset_after(before) || at > from && is_reset(dated(at - 1), dated(at)) {
                notes.joined(change.plus(before), "addition")?;
            }
            before = value;
        }
        if right.is_reset_after(before) {
            notes.joined(change.plus(before), "addition")?;
        }
        Some(())
    }

    /// The samples of a window and the newest one before it, whichever kind that is; `None` if nothing is in it.
    fn anchored(
        &self,
        (floats, f): (&[i64], std::ops::Range<usize>),
        (histograms, h): (&[i64], std::ops::Range<usize>),
    ) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        let after = |times: &[i64], within: &std::ops::Range<usize>| {
            within.start + times[within.clone()].partition_point(|&time| time <= self.start)
        };
        let (mut from_f, mut from_h) = (after(floats, &f), after(histograms, &h));
        if from_f == f.end && from_h == h.end {
            return None;
        }
        let before_f = (from_f > f.start).then(|| floats[from_f - 1]);
        let before_h = (from_h > h.start).then(|| histograms[from_h - 1]);
        if before_f.is_some() && before_f >= before_h {
            from_f -= 1;
        } else if before_h.is_some() {
            from_h -= 1;
        }
        Some((from_f..f.end, from_h..h.end))
    }
}
