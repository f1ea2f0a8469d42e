//! Merges of the histograms in a window that moves.

use weir_sample::Histogram;

use crate::budget::Budget;
use crate::read::window::{Span, spans};
use crate::row::Steps;

/// Work of a merge, in the units of a query's budget.
const MERGE_UNITS: usize = 1_000;

/// The merge of every window's histograms, times what `scale` makes of their number.
pub(crate) fn merged(
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

    pub(crate) fn merged(&self) -> Option<Histogram> {
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
