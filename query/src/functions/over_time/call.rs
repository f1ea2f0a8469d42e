//! Which function over a range a call is of, and its parameters.

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::functions::over_time::Asked;
use crate::functions::over_time::function::{OverTime, Rule};
use crate::functions::over_time::rate::Change;
use crate::number::short;
use crate::row::Steps;
use crate::syntax::{Call, Edges, Expr};

impl Evaluator<'_> {
    /// Evaluates a call if it is one of a function over ranges.
    pub(crate) fn over_time(&self, call: &Call, steps: Steps, sink: Sink<'_>) -> Option<Result<(), QueryError>> {
        let (function, range) = match self.over_time_function(call, steps)? {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        if let Err(error) = check_edges(&function, call.func.name, range) {
            return Some(Err(error));
        }
        if let (OverTime::Quantile(phi), [asked, ..]) = (&function, &call.args[..]) {
            self.check_quantiles(asked, phi);
        }
        if call.func.name == "holt_winters" {
            let name = call.func.name;
            self.warn_at(call.place, &format!("{name} is the old name of double_exponential_smoothing, and will go"));
        }
        // As Prometheus has it, notes stand at the first argument, whichever the range is.
        let place = call.args.first().map_or(call.place, Expr::place);
        let asked = Asked { function: &function, range, place, steps };
        Some(if function == OverTime::Avg { self.average(&asked, sink) } else { self.over_range(&asked, sink) })
    }

    /// The function, and which argument is the range.
    fn over_time_function<'e>(&self, call: &'e Call, steps: Steps) -> Option<Result<(OverTime, &'e Expr), QueryError>> {
        let args: Vec<&Expr> = call.args.iter().collect();
        let scalar = |expr| self.scalar(expr, steps);
        Some(match (call.func.name, args.as_slice()) {
            ("quantile_over_time", [phi, range]) => scalar(phi).map(|phi| (OverTime::Quantile(phi), *range)),
            ("predict_linear", [range, ahead]) => scalar(ahead).map(|ahead| (OverTime::Predict(ahead), *range)),
            ("integral", [range]) => Ok((OverTime::Integral(vec![Rule::Trapezoid; steps.count]), *range)),
            ("integral", [range, rule]) => scalar(rule).map(|rules| (self.integral(rule, &rules), *range)),
            ("double_exponential_smoothing" | "holt_winters", [range, smoothing, trend]) => {
                self.smoothing(smoothing, trend, steps).map(|function| (function, *range))
            }
            (name, [range]) => Ok((OverTime::named(name)?, *range)),
            _ => return None,
        })
    }

    fn integral(&self, asked: &Expr, rules: &[f64]) -> OverTime {
        let rule = |number: &f64| match *number {
            0.0 => Rule::Left,
            1.0 => Rule::Right,
            2.0 => Rule::Trapezoid,
            wrong => {
                let wrong = short(wrong);
                self.warn(asked, &format!("strategy should be 0, 1, or 2 (default), using 2, got {wrong}"));
                Rule::Trapezoid
            }
        };
        OverTime::Integral(rules.iter().map(rule).collect())
    }

    fn smoothing(&self, smoothing: &Expr, trend: &Expr, steps: Steps) -> Result<OverTime, QueryError> {
        let factors = |expr, what: &str, short: &str| {
            let factors = self.scalar(expr, steps)?;
            match factors.iter().find(|factor| !(0.0 < **factor && **factor < 1.0)) {
                Some(wrong) => Err(QueryError::execution(format!(
                    "invalid {what} factor. Expected: 0 < {short} < 1, got: {wrong:.6}"
                ))),
                None => Ok(factors),
            }
        };
        Ok(OverTime::Smooth(factors(smoothing, "smoothing", "sf")?, factors(trend, "trend", "tf")?))
    }
}

/// Only some functions know what to do with samples beyond the edges of a range.
fn check_edges(function: &OverTime, name: &str, range: &Expr) -> Result<(), QueryError> {
    let Expr::MatrixSelector(selector) = range.bare() else { return Ok(()) };
    let is_change = matches!(function, OverTime::Change(Change::Rate | Change::Increase | Change::Delta));
    let (word, is_right, known) = match selector.vs.edges {
        Edges::Within => return Ok(()),
        Edges::Anchored => {
            let is_right = is_change || matches!(function, OverTime::Changes | OverTime::Resets);
            ("anchored", is_right, "changes, delta, increase, rate, resets")
        }
        Edges::Smoothed => ("smoothed", is_change, "delta, increase, rate"),
    };
    match is_right {
        true => Ok(()),
        false => {
            Err(QueryError::execution(format!("{word} modifier can only be used with: {known} - not with {name}")))
        }
    }
}
