//! How far beyond its edges a range looks.

use crate::evaluate::Evaluator;
use crate::read::samples::Ranges;
use crate::read::window::{Span, spans};
use crate::row::Steps;
use crate::syntax::{Edges, Expr};

/// How far samples beyond the edges of a window are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    pub(crate) is_smoothed: bool,
    pub(crate) lookback: i64,
}

impl Reach {
    /// Milliseconds before and after.
    pub(crate) fn millis(self) -> (i64, i64) {
        (self.lookback, if self.is_smoothed { self.lookback } else { 0 })
    }

    /// What lies within reach of each window.
    pub(crate) fn spans(self, times: &[i64], ranges: Ranges) -> impl Iterator<Item = Span> {
        let (before, after) = self.millis();
        let wide = Steps { start: ranges.view.start.saturating_add(after), ..ranges.view };
        spans(times, wide, ranges.width + before + after)
    }
}

impl Evaluator<'_> {
    /// How far beyond its edges a range looks, if it does.
    pub(crate) fn reach(&self, range: &Expr) -> Option<Reach> {
        let Expr::MatrixSelector(selector) = range.bare() else { return None };
        let is_smoothed = selector.vs.edges == Edges::Smoothed;
        (selector.vs.edges != Edges::Within).then(|| Reach { is_smoothed, lookback: self.lookback() })
    }
}
