//! Functions over ranges: which there are, their parameters, and what each makes of a window of floats.

mod average;
mod rate;
mod regression;
mod sketches;

use promql_parser::parser::{Call, Expr};
use weir_store::{Column, Hint};

use crate::aggregate::quantile::{median_deviation, quantile};
use crate::aggregate::summation::{Mean, Spread, Sum, extreme};
use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::functions::over_time::rate::{Change, extrapolated, idelta, irate};
use crate::functions::over_time::regression::{deriv, predict, smooth};
use crate::labels::LabelSet;
use crate::read::select::Samples;
use crate::read::subquery::Ranges;
use crate::read::window::{Window, over_windows};
use crate::row::{Row, Steps};

/// A function over ranges; parameters hold a value per step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OverTime {
    Change(Change),
    Irate,
    Idelta,
    Deriv,
    Predict(Vec<f64>),
    Smooth(Vec<f64>, Vec<f64>),
    Changes,
    Resets,
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Stddev,
    Stdvar,
    First,
    Last,
    Present,
    Quantile(Vec<f64>),
    MedianDeviation,
    TimeOfFirst,
    TimeOfLast,
    TimeOfMin,
    TimeOfMax,
}

impl OverTime {
    /// What storage needs to know to choose a tier.
    fn hint(&self) -> Hint {
        match self {
            Self::Change(Change::Rate | Change::Increase) => Hint::Increase,
            Self::Sum => Hint::Sum,
            Self::Count => Hint::Count,
            Self::Min => Hint::Min,
            Self::Max => Hint::Max,
            _ => Hint::Raw,
        }
    }
}

impl Evaluator<'_> {
    /// Evaluates a call if it is one of a function over ranges.
    pub(crate) fn over_time(&self, call: &Call, steps: Steps, sink: Sink<'_>) -> Option<Result<(), QueryError>> {
        let (function, range) = match self.over_time_function(call, steps)? {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        if function == OverTime::Avg && self.is_of_points(range, steps) {
            return Some(self.average_of_points(range, steps, sink));
        }
        Some(self.ranges(range, steps, function.hint(), &mut |samples, ranges| {
            let row = self.apply(&function, samples, ranges, steps);
            if row.is_empty() { Ok(()) } else { sink(row) }
        }))
    }

    /// The function, and which argument is the range.
    fn over_time_function<'e>(&self, call: &'e Call, steps: Steps) -> Option<Result<(OverTime, &'e Expr), QueryError>> {
        let args: Vec<&Expr> = call.args.args.iter().map(|arg| &**arg).collect();
        let scalar = |expr| self.scalar(expr, steps);
        Some(match (call.func.name, args.as_slice()) {
            ("quantile_over_time", [phi, range]) => scalar(phi).map(|phi| (OverTime::Quantile(phi), *range)),
            ("predict_linear", [range, ahead]) => scalar(ahead).map(|ahead| (OverTime::Predict(ahead), *range)),
            ("double_exponential_smoothing", [range, smoothing, trend]) => {
                self.smoothing(smoothing, trend, steps).map(|function| (function, *range))
            }
            (name, [range]) => Ok((named(name)?, *range)),
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

    pub(crate) fn apply(&self, function: &OverTime, samples: Samples, ranges: Ranges, steps: Steps) -> Row {
        let keeps_name = matches!(function, OverTime::First | OverTime::Last);
        let labels = if keeps_name { samples.labels } else { samples.labels.without_name() };
        match samples.values {
            Column::Floats(values) => {
                Row::of_floats(labels, floats(function, &samples.timestamps, &values, ranges, steps))
            }
            Column::Sketches(values) => {
                sketches::over_time(function, labels.clone(), &samples.timestamps, &values, ranges).unwrap_or_else(
                    || {
                        self.budget.warn("a function over time that needs plain numbers left out distributions");
                        Row::of_floats(LabelSet::empty(), Vec::new())
                    },
                )
            }
        }
    }
}

fn named(name: &str) -> Option<OverTime> {
    Some(match name {
        "rate" => OverTime::Change(Change::Rate),
        "increase" => OverTime::Change(Change::Increase),
        "delta" => OverTime::Change(Change::Delta),
        "irate" => OverTime::Irate,
        "idelta" => OverTime::Idelta,
        "deriv" => OverTime::Deriv,
        "changes" => OverTime::Changes,
        "resets" => OverTime::Resets,
        "sum_over_time" => OverTime::Sum,
        "avg_over_time" => OverTime::Avg,
        "min_over_time" => OverTime::Min,
        "max_over_time" => OverTime::Max,
        "count_over_time" => OverTime::Count,
        "stddev_over_time" => OverTime::Stddev,
        "stdvar_over_time" => OverTime::Stdvar,
        "first_over_time" => OverTime::First,
        "last_over_time" => OverTime::Last,
        "present_over_time" => OverTime::Present,
        "mad_over_time" => OverTime::MedianDeviation,
        "ts_of_first_over_time" => OverTime::TimeOfFirst,
        "ts_of_last_over_time" => OverTime::TimeOfLast,
        "ts_of_min_over_time" => OverTime::TimeOfMin,
        "ts_of_max_over_time" => OverTime::TimeOfMax,
        _ => return None,
    })
}

fn floats(function: &OverTime, timestamps: &[i64], values: &[f64], ranges: Ranges, steps: Steps) -> Vec<f64> {
    let Ranges { view, width, resolution, .. } = ranges;
    let share = ranges.share();
    macro_rules! each {
        ($f:expr) => {
            over_windows(timestamps, values, view, width, $f)
        };
    }
    match function {
        OverTime::Change(change) => extrapolated(*change, timestamps, values, ranges),
        OverTime::Irate => each!(|w| irate(&w)),
        OverTime::Idelta => each!(|w| idelta(&w)),
        OverTime::Deriv => each!(|w| deriv(&w)),
        OverTime::Predict(ahead) => each!(|w| predict(&w, steps.at(w.step), ahead[w.step])),
        OverTime::Smooth(smoothing, trend) => each!(|w| smooth(&w, smoothing[w.step], trend[w.step])),
        OverTime::Changes => each!(|w| pairs(&w, |a, b| a != b && !(a.is_nan() && b.is_nan()))),
        OverTime::Resets => each!(|w| pairs(&w, |a, b| b < a)),
        OverTime::Sum => each!(|w| Sum::of(w.values).total() * share),
        OverTime::Avg => each!(|w| mean(w.values)),
        OverTime::Min => each!(|w| w.values[extreme_at(w.values, false)]),
        OverTime::Max => each!(|w| w.values[extreme_at(w.values, true)]),
        // A point of a coarser tier says how many samples it stands for.
        OverTime::Count if resolution > 0 => each!(|w| (Sum::of(w.values).total() * share).round()),
        OverTime::Count => each!(|w| w.values.len() as f64),
        OverTime::Stddev => each!(|w| Spread::of(w.values).variance().sqrt()),
        OverTime::Stdvar => each!(|w| Spread::of(w.values).variance()),
        OverTime::First => each!(|w| w.values[0]),
        OverTime::Last => each!(|w| w.values[w.values.len() - 1]),
        OverTime::Present => each!(|_| 1.0),
        OverTime::Quantile(phi) => {
            let mut sorted = Vec::new();
            each!(|w| {
                sorted.clear();
                sorted.extend_from_slice(w.values);
                quantile(phi[w.step], &mut sorted)
            })
        }
        OverTime::MedianDeviation => each!(|w| median_deviation(w.values)),
        OverTime::TimeOfFirst => each!(|w| w.timestamps[0] as f64 / 1e3),
        OverTime::TimeOfLast => each!(|w| w.timestamps[w.timestamps.len() - 1] as f64 / 1e3),
        OverTime::TimeOfMin => each!(|w| w.timestamps[last_extreme_at(w.values, false)] as f64 / 1e3),
        OverTime::TimeOfMax => each!(|w| w.timestamps[last_extreme_at(w.values, true)] as f64 / 1e3),
    }
}

/// How many neighbours satisfy `differ`.
fn pairs(window: &Window<'_>, differ: impl Fn(f64, f64) -> bool) -> f64 {
    window.values.windows(2).filter(|pair| differ(pair[0], pair[1])).count() as f64
}

fn mean(values: &[f64]) -> f64 {
    let mut mean = Mean::default();
    values.iter().for_each(|&v| mean.add(v));
    mean.value()
}

/// The index of the largest or smallest value; the first of equals.
fn extreme_at(values: &[f64], larger: bool) -> usize {
    let better = |best: usize, at: usize| extreme(values[best], values[at], larger).to_bits() != values[best].to_bits();
    (1..values.len()).fold(0, |best, at| if better(best, at) { at } else { best })
}

/// As [`extreme_at`], the last of equals.
fn last_extreme_at(values: &[f64], larger: bool) -> usize {
    let best = values[extreme_at(values, larger)];
    values.iter().rposition(|&v| v == best).unwrap_or(values.len() - 1)
}
