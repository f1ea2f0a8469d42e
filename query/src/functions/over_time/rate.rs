//! `rate`, `increase`, `delta` and their instant forms, with Prometheus' extrapolation to the borders of the window.
//!
//! Source of the rules: `extrapolatedRate` in Prometheus 3 (promql/functions.go).

use crate::budget::Budget;
use crate::read::samples::Ranges;
use crate::read::window::{Window, over_windows};
use crate::row::ABSENT;

/// A question to the first and last sample of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Per second, of a counter.
    Rate,
    /// Over the window, of a counter.
    Increase,
    /// Over the window, of a gauge.
    Delta,
}

impl Change {
    /// What the change over a window is divided by.
    pub(crate) fn per(self, ranges: Ranges) -> f64 {
        if self == Self::Rate { ranges.width as f64 / 1e3 } else { 1.0 / ranges.share() }
    }
}

/// A value per step.
pub(crate) fn extrapolated(
    change: Change,
    timestamps: &[i64],
    values: &[f64],
    ranges: Ranges,
    budget: &Budget,
) -> Vec<f64> {
    let Ranges { view, width, .. } = ranges;
    let counter = change != Change::Delta;
    let per = change.per(ranges);
    let resets = if counter { resets(values) } else { Vec::new() };
    let mut next_reset = 0;
    let mut shape = Shape::default();
    over_windows(timestamps, values, view, width, |window| {
        let last = window.values.len() - 1;
        if last == 0 {
            return ABSENT;
        }
        while resets.get(next_reset).is_some_and(|&at| at <= window.first) {
            next_reset += 1;
        }
        let mut change = window.values[last] - window.values[0];
        let inside = resets[next_reset..].partition_point(|&at| at <= window.first + last);
        if inside > 0 {
            if budget.is_over(inside) {
                return ABSENT;
            }
            resets[next_reset..next_reset + inside].iter().for_each(|&at| change += values[at - 1]);
        }
        shape.fit(&window, width, per);
        change * if counter { shape.counter_factor(window.values[0], change, per) } else { shape.factor }
    })
}

/// Indices of samples that are below the one before.
fn resets(values: &[f64]) -> Vec<usize> {
    values.windows(2).enumerate().filter(|(_, pair)| pair[1] < pair[0]).map(|(at, _)| at + 1).collect()
}

/// The gaps between a window's samples and its borders, and the factor that they give the change between samples.
///
/// Samples come at a steady pace, so most windows have the shape of the one before and cost no division.
#[derive(Default)]
struct Shape {
    /// Milliseconds from the window's start to the first sample, between samples, to the window's end; and samples.
    lies: (i64, i64, i64, usize),
    sampled: f64,
    to_start: f64,
    to_end: f64,
    factor: f64,
}

impl Shape {
    fn fit(&mut self, window: &Window<'_>, width: i64, per: f64) {
        let (first, last) = (window.timestamps[0], window.timestamps[window.timestamps.len() - 1]);
        let lies = (first - (window.end - width), last - first, window.end - last, window.timestamps.len());
        if lies == self.lies {
            return;
        }
        self.lies = lies;
        self.sampled = lies.1 as f64 / 1e3;
        let pace = self.sampled / (lies.3 - 1) as f64;
        self.to_start = reach(lies.0 as f64 / 1e3, pace);
        self.to_end = reach(lies.2 as f64 / 1e3, pace);
        self.factor = self.factor_from(self.to_start, per);
    }

    fn factor_from(&self, to_start: f64, per: f64) -> f64 {
        (self.sampled + to_start + self.to_end) / self.sampled / per
    }

    /// A counter is not extrapolated to before the time at which it would have been zero.
    #[inline]
    fn counter_factor(&self, first: f64, change: f64, per: f64) -> f64 {
        if change > 0.0 && first >= 0.0 {
            // Twice the border decides without a division that zero is far away.
            if self.sampled * first > 2.0 * self.to_start * change {
                return self.factor;
            }
            let to_zero = self.sampled * (first / change);
            if to_zero < self.to_start {
                return self.factor_from(to_zero, per);
            }
        }
        self.factor
    }
}

/// How far a change goes on towards a border: all the way where the next sample may lie just beyond it.
fn reach(gap: f64, pace: f64) -> f64 {
    if gap >= pace * 1.1 { pace / 2.0 } else { gap }
}

/// As [`Shape`], of one window whose first sample may say since when it counts.
pub(crate) struct Extent {
    sampled: f64,
    to_start: f64,
    to_end: f64,
    /// Counting began within the window: what the first sample has is part of the change.
    pub(crate) begins_within: bool,
}

impl Extent {
    /// Of the window `(start, end]`; `began` is zero where that is not known.
    pub(crate) fn of(times: &[i64], (start, end): (i64, i64), began: i64) -> Self {
        let (first, last, gaps) = (times[0], times[times.len() - 1], times.len() - 1);
        let seconds = |millis: i64| millis as f64 / 1e3;
        let sampled = seconds(last - first);
        let pace = if gaps > 0 { sampled / gaps as f64 } else { 0.0 };
        let to_end = reach(seconds(end - last), pace);
        if began != 0 && began > start && began < first {
            // It was zero when it began.
            return Self { sampled: seconds(last - began), to_start: 0.0, to_end, begins_within: true };
        }
        Self { sampled, to_start: reach(seconds(first - start), pace), to_end, begins_within: false }
    }

    /// What the change is multiplied by. A counter, by its first value and its change, is not extrapolated to before the time at
    /// which it would have been zero.
    pub(crate) fn factor(&self, counter: Option<(f64, f64)>) -> f64 {
        let to_start = match counter {
            Some((first, change)) if !self.begins_within && change > 0.0 && first >= 0.0 => {
                self.to_start.min(self.sampled * (first / change))
            }
            _ => self.to_start,
        };
        if self.sampled == 0.0 { 1.0 } else { (self.sampled + to_start + self.to_end) / self.sampled }
    }
}

/// `irate`: the last two samples' difference per second; a reset counts from zero.
pub(crate) fn irate(window: &Window<'_>) -> f64 {
    last_two(window, |previous, last, seconds| (if last < previous { last } else { last - previous }) / seconds)
}

/// `idelta`: the last two samples' difference.
pub(crate) fn idelta(window: &Window<'_>) -> f64 {
    last_two(window, |previous, last, _| last - previous)
}

fn last_two(window: &Window<'_>, f: impl Fn(f64, f64, f64) -> f64) -> f64 {
    let ([.., t0, t1], [.., v0, v1]) = (window.timestamps, window.values) else { return ABSENT };
    if t0 == t1 { ABSENT } else { f(*v0, *v1, (t1 - t0) as f64 / 1e3) }
}
