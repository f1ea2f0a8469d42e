//! A window that moves over one series' samples, step by step, never looking back.

use crate::row::{ABSENT, Steps, is_absent};

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

/// Takes staleness markers out: ranges do not see them.
pub(crate) fn drop_stale(timestamps: &mut Vec<i64>, values: &mut Vec<f64>) {
    if !values.iter().any(|&v| is_absent(v)) {
        return;
    }
    let mut kept = 0;
    for at in 0..values.len() {
        if !is_absent(values[at]) {
            (timestamps[kept], values[kept]) = (timestamps[at], values[at]);
            kept += 1;
        }
    }
    timestamps.truncate(kept);
    values.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn stale_samples_leave() {
        let (mut times, mut values) = (vec![1, 2, 3], vec![1.0, ABSENT, 3.0]);
        drop_stale(&mut times, &mut values);
        assert_eq!((times, values), (vec![1, 3], vec![1.0, 3.0]));
    }
}
