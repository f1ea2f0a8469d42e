//! Range selectors and subqueries: what they hand to a function over time.

use crate::syntax::{Expr, SubqueryExpr};
use weir_sample::ResetHint;
use weir_store::Hint;

use crate::error::{Bound, QueryError};
use crate::evaluate::{Evaluator, wrong_type};
use crate::read::reach::Reach;
use crate::read::samples::{Points, Ranges, Samples};
use crate::read::select::millis;
use crate::row::{Row, Steps, is_present};

/// A receiver of one series' samples and where the windows lie.
pub(crate) type EachRange<'e> = &'e mut dyn FnMut(Samples, Ranges) -> Result<(), QueryError>;

/// Resolution of a subquery that names none: Prometheus' default evaluation interval.
const DEFAULT_RESOLUTION_MS: i64 = 60_000;

impl Evaluator<'_> {
    /// Reads a range expression series by series, staleness markers left out.
    pub(crate) fn ranges(&self, expr: &Expr, steps: Steps, hint: Hint, each: EachRange<'_>) -> Result<(), QueryError> {
        match expr {
            Expr::Paren(e) => self.ranges(&e.expr, steps, hint, each),
            Expr::MatrixSelector(e) => {
                let view = self.view(steps, e.vs.at.as_ref(), e.vs.offset.as_ref());
                let ranges = Ranges::new(view, millis(e.range));
                let (before, after) = self.reach(expr).map_or((0, 0), Reach::millis);
                self.read(&e.vs, view, (ranges.width.saturating_add(before), after), hint, &mut |mut samples| {
                    samples.drop_stale();
                    let ranges = ranges.over(samples.resolution);
                    each(samples, ranges)
                })
            }
            Expr::Subquery(e) => self.subquery(e, steps, each),
            _ => Err(wrong_type("range vector", expr)),
        }
    }

    /// Evaluates the inner expression once, over all windows of all steps.
    fn subquery(&self, e: &SubqueryExpr, steps: Steps, each: EachRange<'_>) -> Result<(), QueryError> {
        let view = self.view(steps, e.at.as_ref(), e.offset.as_ref());
        let ranges = Ranges::new(view, millis(e.range));
        let resolution = e.step.map_or(DEFAULT_RESOLUTION_MS, millis).max(1);
        let after = view.start.saturating_sub(ranges.width);
        // Aligned to the epoch, so that neighbouring steps see the same inner instants; the window is open on the left.
        let first = after.div_euclid(resolution).saturating_add(1).saturating_mul(resolution);
        let inner = Steps::spanning(first, view.end(), resolution);
        self.check_steps(inner)?;
        // A row of the inner expression and its samples, one series at a time.
        self.budget.hold(inner.count * 3 * size_of::<f64>())?;
        self.joined(&e.expr, inner, &mut |row| match samples_of(row, inner) {
            Some(samples) => each(samples, ranges),
            None => Ok(()),
        })
    }

    fn check_steps(&self, inner: Steps) -> Result<(), QueryError> {
        // A subquery may be finer and longer than what is drawn, so it gets more room than the query itself.
        let limit = self.budget.limits.steps.saturating_mul(100);
        match inner.count > limit {
            true => Err(QueryError::TooLarge { bound: Bound::Steps, limit }),
            false => Ok(()),
        }
    }
}

/// The values of a row as samples. What histograms say of the one before them does not hold between the steps of a subquery.
fn samples_of(row: Row, steps: Steps) -> Option<Samples> {
    let present = steps.instants().zip(row.floats).filter(|(_, value)| is_present(*value));
    let (times, values): (Vec<i64>, Vec<f64>) = present.unzip();
    let floats = Points { times, values, starts: Vec::new() };
    let present = steps.instants().zip(row.histograms).filter_map(|(time, histogram)| Some((time, *histogram?)));
    let unhinted = present.map(|(time, histogram)| match histogram.hint() {
        ResetHint::Reset | ResetHint::NotReset => (time, histogram.with_hint(ResetHint::Unknown)),
        _ => (time, histogram),
    });
    let (times, values) = unhinted.unzip();
    let histograms = Points { times, values, starts: Vec::new() };
    let (labels, drops_name) = (row.labels, row.drops_name);
    let samples = Samples { labels, drops_name, floats, histograms, resolution: 0, kind: None };
    (samples.len() > 0).then_some(samples)
}
