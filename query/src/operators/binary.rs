//! Binary operators with a vector on at least one side.

use crate::syntax::ValueType;
use crate::syntax::{BinaryExpr, Expr};

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::operators::arithmetic::Operator;
use crate::row::{ABSENT, Row, Steps, is_present};

impl Evaluator<'_> {
    pub(crate) fn binary(&self, e: &BinaryExpr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let operator = Operator::of(e);
        match (operator, e.lhs.value_type(), e.rhs.value_type()) {
            (Operator::Set(set), ..) => self.set(set, e, steps, sink),
            (_, ValueType::Vector, ValueType::Vector) => self.matched(operator, e, steps, sink),
            (_, ValueType::Scalar, _) => self.with_scalar(operator, &e.rhs, &e.lhs, true, steps, sink),
            _ => self.with_scalar(operator, &e.lhs, &e.rhs, false, steps, sink),
        }
    }

    /// A vector and a scalar; `swapped` if the scalar is on the left.
    fn with_scalar(
        &self,
        operator: Operator,
        vector: &Expr,
        scalar: &Expr,
        swapped: bool,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let scalars = self.scalar(scalar, steps)?;
        self.vector(vector, steps, &mut |mut row| {
            self.histograms_with_scalar(operator, &mut row, &scalars, swapped);
            for (value, &scalar) in row.floats.iter_mut().zip(&scalars).filter(|(value, _)| is_present(**value)) {
                *value = float_with_scalar(operator, *value, scalar, swapped);
            }
            if operator.drops_name() {
                row.labels = row.labels.without_name();
            }
            if row.is_empty() { Ok(()) } else { sink(row) }
        })
    }

    fn histograms_with_scalar(&self, operator: Operator, row: &mut Row, scalars: &[f64], swapped: bool) {
        for (histogram, &scalar) in row.histograms.iter_mut().zip(scalars) {
            let Some(old) = histogram.take() else { continue };
            *histogram = match operator {
                Operator::Arithmetic(op) => op.of_histogram(&old, scalar, !swapped).map(Box::new),
                _ => None,
            };
            if histogram.is_none() {
                self.budget.warn("an operator between distributions and numbers left elements out");
            }
        }
    }
}

/// A comparison that filters keeps the vector's value, whichever side it is on.
fn float_with_scalar(operator: Operator, value: f64, scalar: f64, swapped: bool) -> f64 {
    let (lhs, rhs) = if swapped { (scalar, value) } else { (value, scalar) };
    match operator {
        Operator::Comparison(comparison, false) if comparison.holds(lhs, rhs) => value,
        Operator::Comparison(_, false) => ABSENT,
        _ => operator.scalars(lhs, rhs),
    }
}
