//! `avg_over_time` over a coarser tier: sum by count, because points stand for different numbers of samples.

use std::collections::HashMap;

use promql_parser::parser::Expr;
use weir_sample::Timestamp;
use weir_store::{Column, Hint, Tier};

use crate::aggregate::summation::Sum;
use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::functions::over_time::function::OverTime;
use crate::labels::LabelSet;
use crate::read::samples::{Ranges, Samples};
use crate::read::select::{matchers, millis};
use crate::read::window::over_windows;
use crate::row::{ABSENT, Row, Steps, is_present};

impl Evaluator<'_> {
    /// Whether a range is answered from points rather than from samples.
    pub(crate) fn is_of_points(&self, range: &Expr, steps: Steps) -> bool {
        match range {
            Expr::Paren(e) => self.is_of_points(&e.expr, steps),
            Expr::MatrixSelector(e) => {
                let view = self.view(steps, e.vs.at.as_ref(), e.vs.offset.as_ref());
                let start = Timestamp(view.start.saturating_sub(millis(e.range)).saturating_add(1));
                // What cannot be read says so when it is read.
                let matchers = matchers(&e.vs).unwrap_or_default();
                self.source.tier(start, &matchers) != Tier::Raw
            }
            _ => false,
        }
    }

    /// The mean of the samples that the points of a range stand for.
    pub(crate) fn average_of_points(&self, range: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let mut counts: HashMap<LabelSet, Vec<f64>> = HashMap::new();
        self.ranges(range, steps, Hint::Count, &mut |samples, ranges| {
            let Samples { labels, timestamps, values, .. } = samples;
            if let Column::Floats(values) = values {
                counts.insert(labels, totals(&timestamps, &values, ranges));
            }
            Ok(())
        })?;
        self.ranges(range, steps, Hint::Sum, &mut |samples, ranges| {
            let Column::Floats(values) = &samples.values else {
                let row = self.apply(&OverTime::Avg, samples, ranges, steps);
                return if row.is_empty() { Ok(()) } else { sink(row) };
            };
            let Some(counts) = counts.get(&samples.labels) else { return Ok(()) };
            let sums = totals(&samples.timestamps, values, ranges);
            let mean = |(sum, count): (f64, &f64)| if is_present(sum) && *count > 0.0 { sum / count } else { ABSENT };
            sink(Row::of_floats(samples.labels.without_name(), sums.into_iter().zip(counts).map(mean).collect()))
        })
    }
}

fn totals(timestamps: &[i64], values: &[f64], ranges: Ranges) -> Vec<f64> {
    over_windows(timestamps, values, ranges.view, ranges.width, |window| Sum::of(window.values).total())
}
