//! `avg_over_time` over a coarser tier: sum by count, because points stand for different numbers of samples.

use std::collections::HashMap;

use crate::syntax::Expr;
use weir_store::{Column, Hint};

use crate::aggregate::summation::Sum;
use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::functions::over_time::function::OverTime;
use crate::labels::LabelSet;
use crate::read::samples::{Ranges, Samples};
use crate::read::window::over_windows;
use crate::row::{ABSENT, Row, Steps, is_present};

impl Evaluator<'_> {
    /// The mean of samples, or of those that the points of a range stand for, whose numbers are then read as well.
    pub(crate) fn average(&self, range: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let mut sums: HashMap<LabelSet, Vec<f64>> = HashMap::new();
        self.ranges(range, steps, Hint::Sum, &mut |samples, ranges| match &samples.values {
            Column::Floats(values) if samples.resolution > 0 => {
                let totals = totals(&samples.timestamps, values, ranges);
                self.budget.hold(samples.labels.heap_bytes() + totals.len() * size_of::<f64>())?;
                sums.insert(samples.labels, totals);
                Ok(())
            }
            _ => {
                let row = self.apply(&OverTime::Avg, samples, ranges, steps)?;
                if row.is_empty() { Ok(()) } else { sink(row) }
            }
        })?;
        if sums.is_empty() {
            return Ok(());
        }
        self.ranges(range, steps, Hint::Count, &mut |samples, ranges| {
            let Samples { labels, timestamps, values, .. } = samples;
            let (Some(sums), Column::Floats(values)) = (sums.remove(&labels), values) else { return Ok(()) };
            let counts = totals(&timestamps, &values, ranges);
            let mean = |(sum, count): (f64, f64)| if is_present(sum) && count > 0.0 { sum / count } else { ABSENT };
            sink(Row::of_floats(labels.without_name(), sums.into_iter().zip(counts).map(mean).collect()))
        })
    }
}

fn totals(timestamps: &[i64], values: &[f64], ranges: Ranges) -> Vec<f64> {
    over_windows(timestamps, values, ranges.view, ranges.width, |window| Sum::of(window.values).total())
}
