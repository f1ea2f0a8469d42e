//! Functions over ranges: the call, its parameters, and a row per series.

mod average;
mod floats;
mod function;
mod histograms;
mod rate;
mod regression;

use crate::syntax::{Call, Expr};
use weir_store::Column;

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::functions::over_time::function::OverTime;
use crate::labels::LabelSet;
use crate::read::samples::{Ranges, Samples};
use crate::row::{Row, Steps};

impl Evaluator<'_> {
    /// Evaluates a call if it is one of a function over ranges.
    pub(crate) fn over_time(&self, call: &Call, steps: Steps, sink: Sink<'_>) -> Option<Result<(), QueryError>> {
        let (function, range) = match self.over_time_function(call, steps)? {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        if let (OverTime::Quantile(phi), [asked, ..]) = (&function, &call.args[..]) {
            self.check_quantiles(asked, phi);
        }
        if call.func.name == "holt_winters" {
            let name = call.func.name;
            self.warn_at(call.place, &format!("{name} is the old name of double_exponential_smoothing, and will go"));
        }
        if function == OverTime::Avg {
            return Some(self.average(range, steps, sink));
        }
        Some(self.ranges(range, steps, function.hint(), &mut |samples, ranges| {
            if function.counts() && samples.is_no_counter() {
                self.inform(range, &no_counter(samples.labels.name()));
            }
            let row = self.apply(&function, samples, ranges, steps)?;
            if row.is_empty() { Ok(()) } else { sink(row) }
        }))
    }

    /// The function, and which argument is the range.
    fn over_time_function<'e>(&self, call: &'e Call, steps: Steps) -> Option<Result<(OverTime, &'e Expr), QueryError>> {
        let args: Vec<&Expr> = call.args.iter().collect();
        let scalar = |expr| self.scalar(expr, steps);
        Some(match (call.func.name, args.as_slice()) {
            ("quantile_over_time", [phi, range]) => scalar(phi).map(|phi| (OverTime::Quantile(phi), *range)),
            ("predict_linear", [range, ahead]) => scalar(ahead).map(|ahead| (OverTime::Predict(ahead), *range)),
            ("double_exponential_smoothing" | "holt_winters", [range, smoothing, trend]) => {
                self.smoothing(smoothing, trend, steps).map(|function| (function, *range))
            }
            (name, [range]) => Ok((OverTime::named(name)?, *range)),
            _ => return None,
        })
    }

    fn smoothing(&self, smoothing: &Expr, trend: &Expr, steps: Steps) -> Result<OverTime, QueryError> {
        let factors = |expr, what: &str| {
            let factors = self.scalar(expr, steps)?;
            match factors.iter().find(|factor| !(0.0 < **factor && **factor < 1.0)) {
                Some(wrong) => {
                    Err(QueryError::execution(format!("invalid {what} factor. Expected: 0 < factor < 1, got: {wrong}")))
                }
                None => Ok(factors),
            }
        };
        Ok(OverTime::Smooth(factors(smoothing, "smoothing")?, factors(trend, "trend")?))
    }

    pub(crate) fn apply(
        &self,
        function: &OverTime,
        samples: Samples,
        ranges: Ranges,
        steps: Steps,
    ) -> Result<Row, QueryError> {
        let keeps_name = matches!(function, OverTime::First | OverTime::Last);
        let labels = if keeps_name { samples.labels } else { samples.labels.without_name() };
        let row = match samples.values {
            Column::Floats(values) => {
                let values = floats::over_time(function, &samples.timestamps, &values, ranges, steps, self.budget);
                Row::of_floats(labels, values)
            }
            Column::Histograms(values) => {
                histograms::over_time(function, labels.clone(), &samples.timestamps, &values, ranges, self.budget)
                    .unwrap_or_else(|| {
                        self.budget.warn("a function over time that needs plain numbers left out distributions");
                        Row::of_floats(LabelSet::empty(), Vec::new())
                    })
            }
        };
        // Where time was up, the loops above ended early.
        if self.budget.is_over(0) { self.budget.check_time().map(|()| row) } else { Ok(row) }
    }
}

fn no_counter(name: &str) -> String {
    format!("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}")
}
