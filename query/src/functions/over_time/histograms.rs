//! Functions over ranges of histograms. A histogram sample holds what was observed in its own window alone, so a range is
//! the merge of its samples; there is nothing to extrapolate and no reset.

use weir_sample::Histogram;

use crate::budget::Budget;
use crate::functions::over_time::function::OverTime;
use crate::functions::over_time::rate::Change;
use crate::labels::LabelSet;
use crate::read::samples::Ranges;
use crate::read::window::{Span, spans};
use crate::row::{ABSENT, Row, Steps};

/// A row per series, or `None` if the function makes no sense of histograms.
pub(crate) fn over_time(
    function: &OverTime,
    labels: LabelSet,
    timestamps: &[i64],
    values: &[Histogram],
    ranges: Ranges,
    budget: &Budget,
) -> Option<Row> {
    let Ranges { view, width, .. } = ranges;
    let floats = |f: fn(usize) -> f64| {
        let value = |span: Span| if span.low == span.high { ABSENT } else { f(span.high - span.low) };
        spans(timestamps, view, width).map(value).collect()
    };
    let histograms = |f: &dyn Fn(Span) -> Option<Histogram>| {
        let value = |span: Span| if span.low == span.high { None } else { f(span).map(Box::new) };
        spans(timestamps, view, width).map(value).collect()
    };
    Some(match function {
        OverTime::Change(Change::Rate) => {
            Row::of_histograms(labels, merged(timestamps, values, (view, width), budget, |_| 1e3 / width as f64))
        }
        OverTime::Change(Change::Increase) | OverTime::Sum => {
            Row::of_histograms(labels, merged(timestamps, values, (view, width), budget, |_| ranges.share()))
        }
        OverTime::Avg => {
            Row::of_histograms(labels, merged(timestamps, values, (view, width), budget, |count| 1.0 / count as f64))
        }
        OverTime::Irate => Row::of_histograms(labels, histograms(&|span| last_rate(timestamps, values, span))),
        OverTime::First => Row::of_histograms(labels, histograms(&|span| Some(values[span.low].clone()))),
        OverTime::Last => Row::of_histograms(labels, histograms(&|span| Some(values[span.high - 1].clone()))),
        OverTime::Count => Row::of_floats(labels, floats(|count| count as f64)),
        OverTime::Present => Row::of_floats(labels, floats(|_| 1.0)),
        _ => return None,
    })
}

/// The last histogram per second of its own window.
fn last_rate(timestamps: &[i64], values: &[Histogram], span: Span) -> Option<Histogram> {
    let last = span.high - 1;
    let before = last.checked_sub(1).filter(|&before| before >= span.low)?;
    let mut histogram = values[last].clone();
    histogram.scale(1e3 / (timestamps[last] - timestamps[before]).max(1) as f64);
    Some(histogram)
}

/// Work of a merge, in the units of a query's budget.
const MERGE_UNITS: usize = 1_000;

/// The merge of every window's histograms, times what `scale` makes of their number.
fn merged(
    timestamps: &[i64],
    values: &[Histogram],
    (view, width): (Steps, i64),
    budget: &Budget,
    scale: impl Fn(usize) -> f64,
) -> Vec<Option<Box<Histogram>>> {
    let mut queue = MergeQueue::default();
    let merge = |span: Span| {
        if budget.is_over(MERGE_UNITS) {
            return None;
        }
        queue.slide(values, span);
        let mut histogram = queue.merged()?;
        let factor = scale(span.high - span.low);
        if factor != 1.0 {
            histogram.scale(factor);
        }
        Some(Box::new(histogram))
    };
    spans(timestamps, view, width).map(merge).collect()
}

/// A queue whose merge is always at hand: two stacks of running merges, so that a sample costs about two merges however
/// many windows it is in. Bins cannot be subtracted without loss, so the merge is never undone.
#[derive(Default)]
struct MergeQueue {
    /// Merges of `[i, middle)`, the smallest `i` last.
    front: Vec<Histogram>,
    back: Option<Histogram>,
    middle: usize,
    high: usize,
}

impl MergeQueue {
    fn slide(&mut self, values: &[Histogram], span: Span) {
        for value in &values[self.high.max(span.low)..span.high.max(self.high.max(span.low))] {
            self.back.get_or_insert_default().merge(value);
        }
        self.high = self.high.max(span.high);
        if span.low >= self.middle {
            self.turn(values, span);
        }
        self.front.truncate(self.middle - span.low);
    }

    /// Moves everything to the front.
    fn turn(&mut self, values: &[Histogram], span: Span) {
        self.front.clear();
        self.back = None;
        for value in values[span.low..span.high].iter().rev() {
            let mut merge = value.clone();
            if let Some(rest) = self.front.last() {
                merge.merge(rest);
            }
            self.front.push(merge);
        }
        self.middle = span.high;
    }

    fn merged(&self) -> Option<Histogram> {
        match (self.front.last(), &self.back) {
            (Some(front), Some(back)) => {
                let mut merge = front.clone();
                merge.merge(back);
                Some(merge)
            }
            (front, back) => front.or(back.as_ref()).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Held, Limits};

    #[expect(clippy::disallowed_methods, reason = "a deadline is the machine's")]
    fn budget() -> Budget {
        let limits = Limits::default();
        Budget::new(limits, std::time::Instant::now() + limits.time, None, Held::default())
    }
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn sliding_merges_equal_merging_each_window(gaps in prop::collection::vec(1..30i64, 0..40), width in 1..100i64, step in 1..60i64) {
            let timestamps: Vec<i64> = gaps.iter().scan(0, |t, gap| { *t += gap; Some(*t) }).collect();
            let values: Vec<Histogram> = timestamps.iter().map(|t| { let mut s = Histogram::new(); s.insert(*t as f64); s }).collect();
            let view = Steps { start: 0, step, count: 25 };
            let got = merged(&timestamps, &values, (view, width), &budget(), |_| 1.0);
            for (span, got) in spans(&timestamps, view, width).zip(got) {
                let mut expected = Histogram::new();
                values[span.low..span.high].iter().for_each(|v| expected.merge(v));
                prop_assert_eq!(got.map_or(Histogram::new(), |s| *s), expected);
            }
        }
    }
}
