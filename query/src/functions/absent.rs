//! `absent` and `absent_over_time`: a 1 where a vector has nothing.

use crate::syntax::{Expr, VectorSelector};
use weir_store::Hint;
use weir_store::MatchOp;

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::labels::{LabelSet, is_about_metric};
use crate::presence::Presence;
use crate::read::window::spans;
use crate::row::{ABSENT, Row, Steps};

impl Evaluator<'_> {
    pub(crate) fn absent(&self, expr: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let mut seen = Presence::nowhere(steps.count);
        self.vector(expr, steps, &mut |row| {
            seen.add(&Presence::of(&row, steps.count));
            Ok(())
        })?;
        sink(absence(expr, &seen, steps))
    }

    pub(crate) fn absent_over_time(&self, range: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let mut seen = Presence::nowhere(steps.count);
        self.ranges(range, steps, Hint::Raw, &mut |samples, ranges| {
            let floats = spans(&samples.floats.times, ranges.view, ranges.width);
            let histograms = spans(&samples.histograms.times, ranges.view, ranges.width);
            for span in floats.chain(histograms).filter(|span| span.low < span.high) {
                seen.mark(span.step);
            }
            Ok(())
        })?;
        sink(absence(range, &seen, steps))
    }
}

fn absence(expr: &Expr, seen: &Presence, steps: Steps) -> Row {
    let value = |step| if seen.has(step) { ABSENT } else { 1.0 };
    Row::of_floats(labels_of(expr), (0..steps.count).map(value).collect())
}

/// The labels that a selector fixes by one equality each.
fn labels_of(expr: &Expr) -> LabelSet {
    match expr.bare() {
        Expr::VectorSelector(selector) => fixed_labels(selector),
        Expr::MatrixSelector(range) => fixed_labels(&range.vs),
        _ => LabelSet::empty(),
    }
}

fn fixed_labels(selector: &VectorSelector) -> LabelSet {
    let matchers = &selector.matchers;
    let fixed = matchers.iter().filter(|matcher| {
        let alone = matchers.iter().filter(|other| other.name == matcher.name).count() == 1;
        alone && matcher.op == MatchOp::Equal
    });
    let fixed = fixed.filter(|matcher| !is_about_metric(&matcher.name));
    LabelSet::new("", fixed.map(|matcher| (matcher.name.as_str(), matcher.value.as_str())))
}
