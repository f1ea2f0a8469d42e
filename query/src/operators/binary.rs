//! Binary operators with a vector on at least one side.

use crate::syntax::{BinaryExpr, ValueType};

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::operators::arithmetic::Operator;
use crate::operators::elements::{Element, Outcome};
use crate::row::{ABSENT, Row, Steps, is_present};

impl Evaluator<'_> {
    pub(crate) fn binary(&self, e: &BinaryExpr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let operator = Operator::of(e);
        match (operator, e.lhs.value_type(), e.rhs.value_type()) {
            (Operator::Set(set), ..) => self.set(set, e, steps, sink),
            (_, ValueType::Vector, ValueType::Vector) => self.matched(operator, e, steps, sink),
            (_, ValueType::Scalar, _) => self.with_scalar(operator, e, true, steps, sink),
            _ => self.with_scalar(operator, e, false, steps, sink),
        }
    }

    /// A vector and a scalar; `swapped` if the scalar is on the left.
    fn with_scalar(
        &self,
        operator: Operator,
        e: &BinaryExpr,
        swapped: bool,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let (vector, scalar) = if swapped { (&e.rhs, &e.lhs) } else { (&e.lhs, &e.rhs) };
        let scalars = self.scalar(scalar, steps)?;
        self.vector(vector, steps, &mut |mut row| {
            if matches!(operator, Operator::Trim(_)) && row.floats.iter().any(|value| is_present(*value)) {
                self.mismatched(e, Element::Float(0.0), Element::Float(0.0));
                row.floats = Vec::new();
            }
            floats_with_scalar(operator, &mut row.floats, &scalars, swapped);
            self.histograms_with_scalar(operator, e, &mut row, &scalars, swapped);
            let row = if operator.drops_name() { self.nameless(row) } else { row };
            if row.is_empty() { Ok(()) } else { sink(row) }
        })
    }

    fn histograms_with_scalar(
        &self,
        operator: Operator,
        e: &BinaryExpr,
        row: &mut Row,
        scalars: &[f64],
        swapped: bool,
    ) {
        for step in 0..row.histograms.len() {
            let Some(old) = row.histograms[step].take() else { continue };
            let (histogram, scalar) = (Element::Histogram(&old), Element::Float(scalars[step]));
            let (lhs, rhs) = if swapped { (scalar, histogram) } else { (histogram, scalar) };
            match self.elements_of(operator, e, lhs, rhs) {
                Outcome::Float(value) => {
                    row.floats.resize(scalars.len(), ABSENT);
                    row.floats[step] = value;
                }
                Outcome::Histogram(histogram) => row.histograms[step] = Some(histogram),
                Outcome::Filtered | Outcome::Nothing => {}
            }
        }
    }
}

/// A comparison that filters keeps the vector's value, whichever side it is on.
fn floats_with_scalar(operator: Operator, floats: &mut [f64], scalars: &[f64], swapped: bool) {
    let pairs = floats.iter_mut().zip(scalars).filter(|(value, _)| is_present(**value));
    let in_order = |value: f64, scalar: f64| if swapped { (scalar, value) } else { (value, scalar) };
    if let Operator::Comparison(comparison, false) = operator {
        for (value, &scalar) in pairs {
            let (lhs, rhs) = in_order(*value, scalar);
            *value = if comparison.holds(lhs, rhs) { *value } else { ABSENT };
        }
        return;
    }
    for (value, &scalar) in pairs {
        let (lhs, rhs) = in_order(*value, scalar);
        *value = operator.scalars(lhs, rhs);
    }
}
