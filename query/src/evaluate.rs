//! Walks the syntax tree: each node turns the rows of its operands into rows of its own.

use std::cell::RefCell;

use crate::syntax::{Expr, ValueType, place};
use weir_store::Tier;

use crate::budget::Budget;
use crate::collect::{Collected, Seen};
use crate::error::QueryError;
use crate::labels::LabelSet;
use crate::operators::arithmetic::Operator;
use crate::read::source::Source;
use crate::row::{Row, Steps, is_absent};
use crate::text::names::{Doubling, doubling, is_joined};

/// A receiver of rows, one after another.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(Row) -> Result<(), QueryError>;

/// One evaluation of one query.
pub(crate) struct Evaluator<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) budget: &'a Budget,
    /// The steps of the whole query: what `@ start()` and `@ end()` mean, inside subqueries too.
    pub(crate) query: Steps,
    /// The query as it was asked.
    pub(crate) text: &'a str,
    /// The tiers that answered so far.
    pub(crate) tiers: RefCell<Vec<Tier>>,
}

impl Evaluator<'_> {
    /// Evaluates an instant-vector expression. No two of its elements have the same labels at one step.
    pub(crate) fn vector(&self, expr: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        match doubling(expr) {
            Doubling::Never => self.elements(expr, steps, &mut |row| {
                self.budget.work(steps.count)?;
                sink(row)
            }),
            Doubling::PerStep => self.collected(expr, steps)?.into_iter().try_for_each(sink),
            Doubling::Overall => {
                let mut seen = Seen::new(self.budget);
                self.elements(expr, steps, &mut |row| {
                    if row.is_empty() { Ok(()) } else { seen.add(&row).and_then(|()| sink(row)) }
                })
            }
        }
    }

    /// As [`Evaluator::vector`], with one row per label set over all steps.
    pub(crate) fn joined(&self, expr: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        match is_joined(expr) {
            true => self.vector(expr, steps, sink),
            false => self.collected(expr, steps)?.into_iter().try_for_each(sink),
        }
    }

    fn collected(&self, expr: &Expr, steps: Steps) -> Result<Vec<Row>, QueryError> {
        let mut rows = Collected::new(self.budget);
        self.elements(expr, steps, &mut |row| rows.add(row))?;
        Ok(rows.into_rows())
    }

    fn elements(&self, expr: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        match expr {
            Expr::Paren(e) => self.vector(&e.expr, steps, sink),
            Expr::VectorSelector(e) => self.latest(e, steps, sink),
            Expr::Aggregate(e) => self.aggregate(e, steps, sink),
            Expr::Binary(e) => self.binary(e, steps, sink),
            Expr::Unary(e) => self.joined(&e.expr, steps, &mut |row| sink(row.map(|v| -v))),
            Expr::Call(e) => self.call(e, steps, sink),
            _ => Err(wrong_type("instant vector", expr)),
        }
    }

    /// Evaluates a scalar expression: a value per step.
    pub(crate) fn scalar(&self, expr: &Expr, steps: Steps) -> Result<Vec<f64>, QueryError> {
        if let Expr::Paren(e) = expr {
            return self.scalar(&e.expr, steps);
        }
        self.budget.hold(steps.count * size_of::<f64>())?;
        self.budget.work(steps.count)?;
        match expr {
            Expr::NumberLiteral(number) => Ok(vec![number.val; steps.count]),
            Expr::Unary(e) => Ok(self.scalar(&e.expr, steps)?.into_iter().map(|v| -v).collect()),
            Expr::Binary(e) if expr.value_type() == ValueType::Scalar => {
                let (lhs, rhs) = (self.scalar(&e.lhs, steps)?, self.scalar(&e.rhs, steps)?);
                let operator = Operator::of(e);
                Ok(lhs.into_iter().zip(rhs).map(|(l, r)| operator.scalars(l, r)).collect())
            }
            Expr::Call(e) if expr.value_type() == ValueType::Scalar => self.scalar_call(e, steps),
            _ => Err(wrong_type("scalar", expr)),
        }
    }

    /// The rows of an expression, kept.
    pub(crate) fn rows(&self, expr: &Expr, steps: Steps) -> Result<Vec<Row>, QueryError> {
        let mut rows = Vec::new();
        self.vector(expr, steps, &mut |row| {
            self.budget.hold(row.heap_bytes())?;
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// `scalar(v)`: the one value of a step, NaN where there is none or more than one.
    pub(crate) fn only_value(&self, expr: &Expr, steps: Steps) -> Result<Vec<f64>, QueryError> {
        let mut values = vec![f64::NAN; steps.count];
        let mut seen = vec![0_u8; steps.count];
        self.vector(expr, steps, &mut |row| {
            for step in (0..steps.count).filter(|&step| row.has(step)) {
                seen[step] = seen[step].saturating_add(1);
                let value = row.float(step);
                values[step] = if seen[step] > 1 || is_absent(value) { f64::NAN } else { value };
            }
            Ok(())
        })?;
        Ok(values)
    }

    /// Warns of what an expression does, and says where it stands in the query.
    pub(crate) fn warn(&self, expr: &Expr, warning: &str) {
        self.warn_at(expr.place(), warning);
    }

    pub(crate) fn warn_at(&self, at: usize, warning: &str) {
        self.budget.warn(&format!("PromQL warning: {warning} ({})", place(self.text, at)));
    }

    /// As [`Evaluator::warn`], for what is not as bad.
    pub(crate) fn inform(&self, expr: &Expr, info: &str) {
        self.budget.inform(&format!("PromQL info: {info} ({})", place(self.text, expr.place())));
    }

    /// Warns of quantiles that nothing has, which an expression gave.
    pub(crate) fn check_quantiles(&self, expr: &Expr, phi: &[f64]) {
        if let Some(phi) = phi.iter().find(|phi| !(0.0..=1.0).contains(*phi)) {
            self.warn(expr, &format!("quantile value should be between 0 and 1, got {phi}"));
        }
    }

    /// A scalar expression as a vector of one series without labels.
    pub(crate) fn vector_of_scalar(&self, expr: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        sink(Row::of_floats(LabelSet::empty(), self.scalar(expr, steps)?))
    }
}

/// The text of a string literal.
pub(crate) fn string(expr: &Expr) -> Result<&str, QueryError> {
    match expr {
        Expr::StringLiteral(text) => Ok(&text.val),
        Expr::Paren(e) => string(&e.expr),
        _ => Err(wrong_type("string", expr)),
    }
}

/// An expression where another type is needed.
pub(crate) fn wrong_type(expected: &str, expr: &Expr) -> QueryError {
    QueryError::parse(format!("expected {expected}, got {} in {expr}", expr.value_type().told()))
}
