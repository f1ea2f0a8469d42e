//! A window that moves over one series' samples, step by step, never looking back.

use std::ops::Range;

use crate::row::{ABSENT, Steps};

/// The samples inside one window, and which step it belongs to.
pub(crate) struct Window<'a> {
    pub(crate) timestamps: &'a [i64],
    pub(crate) values: &'a [f64],
    /// Index of the first sample among all samples of the series.
    pub(crate) first: usize,
    /// The window is `(end - width, end]`.
    pub(crate) end: i64,
    pub(crate) step: usize,
}

/// Positions of the samples in `(end - width, end]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) step: usize,
    pub(crate) end: i64,
    pub(crate) low: usize,
    pub(crate) high: usize,
}

/// One [`Span`] per step; the view's instants must not fall.
pub(crate) fn spans(timestamps: &[i64], view: Steps, width: i64) -> impl Iterator<Item = Span> {
    let (mut low, mut high) = (0, 0);
    (0..view.count).map(move |step| {
        let end = view.at(step);
        let start = end.saturating_sub(width);
        while high < timestamps.len() && timestamps[high] <= end {
            high += 1;
        }
        while low < high && timestamps[low] <= start {
            low += 1;
        }
        Span { step, end, low, high }
    })
}

/// A stretch of steps whose windows hold equally many samples at a fixed distance, because samples come at a steady pace
/// of which the step is a multiple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) steps: Range<usize>,
    /// Where the first step's window ends among the samples.
    pub(crate) high: usize,
    /// Samples from one step to the next.
    pub(crate) stride: usize,
    /// Milliseconds from one sample to the next.
    pub(crate) interval: i64,
}

/// The stretch of steps whose newest sample is less than one interval old and which see at least `back` of the time
/// before them covered by samples. Fleets sample at one pace and dashboards draw at a multiple of it, so this is nearly
/// always nearly all steps.
pub(crate) fn steady(timestamps: &[i64], view: Steps, back: i64) -> Option<Stretch> {
    let [first, second, ..] = *timestamps else { return None };
    let interval = second - first;
    if interval <= 0 || view.step <= 0 || view.step % interval != 0 {
        return None;
    }
    if timestamps.windows(2).fold(0, |off, pair| off | (pair[1] - pair[0] - interval)) != 0 {
        return None;
    }
    let covered_from = first.saturating_add(back.saturating_sub(interval).max(0));
    let past = first.saturating_add(interval.saturating_mul(timestamps.len() as i64));
    let step_at_least = |time: i64| (time.saturating_sub(view.start).max(0) as u64).div_ceil(view.step as u64) as usize;
    let steps = step_at_least(covered_from).min(view.count)..step_at_least(past).min(view.count);
    let high = (view.at(steps.start).saturating_sub(first) / interval) as usize + 1;
    (!steps.is_empty()).then_some(Stretch { steps, high, stride: (view.step / interval) as usize, interval })
}

/// A value per step: what `f` makes of the window, or nothing where the window is empty.
pub(crate) fn over_windows(
    timestamps: &[i64],
    values: &[f64],
    view: Steps,
    width: i64,
    mut f: impl FnMut(Window<'_>) -> f64,
) -> Vec<f64> {
    let value = |Span { step, end, low, high }| match low == high {
        true => ABSENT,
        false => f(Window { timestamps: &timestamps[low..high], values: &values[low..high], first: low, end, step }),
    };
    spans(timestamps, view, width).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_are_open_on_the_left() {
        let view = Steps { start: 10, step: 10, count: 4 };
        let got: Vec<_> = spans(&[0, 10, 20, 35], view, 10).map(|s| (s.low, s.high)).collect();
        assert_eq!(got, [(1, 2), (2, 3), (3, 3), (3, 4)]);
    }

    #[test]
    fn a_view_that_stands_still_sees_the_same_window() {
        let view = Steps { start: 20, step: 0, count: 2 };
        let got: Vec<_> = spans(&[0, 10, 20, 35], view, 20).map(|s| (s.low, s.high)).collect();
        assert_eq!(got, [(1, 3), (1, 3)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn a_stretch_agrees_with_the_spans(first in 0..100i64, count in 0..30usize, start in 0..200i64, stride in 1..4i64, width in 1..80i64) {
            let timestamps: Vec<i64> = (0..count as i64).map(|i| first + 10 * i).collect();
            let view = Steps { start, step: 10 * stride, count: 12 };
            let Some(stretch) = steady(&timestamps, view, width) else { return Ok(()) };
            let all: Vec<Span> = spans(&timestamps, view, width).collect();
            for (i, step) in stretch.steps.clone().enumerate() {
                prop_assert_eq!(all[step].high, stretch.high + i * stretch.stride);
                prop_assert_eq!(all[step].high - all[step].low, all[stretch.steps.start].high - all[stretch.steps.start].low);
            }
        }
    }
}
