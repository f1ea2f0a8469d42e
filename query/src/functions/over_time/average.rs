//! `avg_over_time` over a coarser tier: sum by count, because points stand for different numbers of samples.

use std::collections::HashMap;

use weir_store::Hint;

use crate::aggregate::summation::Sum;
use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::functions::over_time::Asked;
use crate::labels::LabelSet;
use crate::read::samples::Ranges;
use crate::read::window::over_windows;
use crate::row::{ABSENT, Row, is_present};

impl Evaluator<'_> {
    /// The mean of samples, or of those that the points of a range stand for, whose numbers are then read as well.
    pub(crate) fn average(&self, asked: &Asked<'_>, sink: Sink<'_>) -> Result<(), QueryError> {
        let Asked { range, steps, .. } = *asked;
        let mut sums: HashMap<LabelSet, Vec<f64>> = HashMap::new();
        self.ranges(range, steps, Hint::Sum, &mut |samples, ranges| match samples.resolution {
            1.. if samples.histograms.is_empty() => {
                let totals = totals(&samples.floats.times, &samples.floats.values, ranges);
                self.budget.hold(samples.labels.heap_bytes() + totals.len() * size_of::<f64>())?;
                sums.insert(samples.labels, totals);
                Ok(())
            }
            _ => {
                let (row, _) = self.apply(asked, samples, ranges)?;
                if row.is_empty() { Ok(()) } else { sink(row) }
            }
        })?;
        if sums.is_empty() {
            return Ok(());
        }
        self.ranges(range, steps, Hint::Count, &mut |samples, ranges| {
            let Some(sums) = sums.remove(&samples.labels) else { return Ok(()) };
            let counts = totals(&samples.floats.times, &samples.floats.values, ranges);
            let mean = |(sum, count): (f64, f64)| if is_present(sum) && count > 0.0 { sum / count } else { ABSENT };
            sink(self.nameless(Row::of_floats(samples.labels, sums.into_iter().zip(counts).map(mean).collect())))
        })
    }
}

fn totals(timestamps: &[i64], values: &[f64], ranges: Ranges) -> Vec<f64> {
    over_windows(timestamps, values, ranges.view, ranges.width, |window| Sum::of(window.values).total())
}
