//! Walks the syntax tree: each node turns the rows of its operands into rows of its own.

use std::cell::RefCell;

use crate::syntax::{Expr, ValueType, place};
use weir_store::Tier;

use crate::budget::Budget;
use crate::collect::Collected;
use crate::error::QueryError;
use crate::labels::LabelSet;
use crate::number::short;
use crate::operators::arithmetic::Operator;
use crate::read::source::Source;
use crate::row::{Row, Steps, is_present};
use crate::text::names::{is_joined, may_double};

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
    /// Whether rows are added up in an order that does not depend on the steps: sums then are the same to the last bit.
    pub(crate) is_ordered: bool,
    /// The tiers that answered so far.
    pub(crate) tiers: RefCell<Vec<Tier>>,
}

impl Evaluator<'_> {
    /// Evaluates an instant-vector expression. No two of its elements have the same labels at one step.
    pub(crate) fn vector(&self, expr: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        if !self.budget.limits.delayed_name_removal && may_double(expr) {
            return self.collected(expr, steps)?.into_iter().try_for_each(sink);
        }
        self.elements(expr, steps, &mut |row| {
            self.budget.work(steps.count)?;
            sink(row)
        })
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
            Expr::Unary(e) => self.joined(&e.expr, steps, &mut |row| sink(self.nameless(negated(row)))),
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

    /// A row that is no longer what its metric name says.
    pub(crate) fn nameless(&self, mut row: Row) -> Row {
        if self.budget.limits.delayed_name_removal {
            row.drops_name = true;
        } else {
            row.labels = row.labels.without_name();
        }
        row
    }

    /// The metric name that is told of a series whose name is lost already, which is none.
    pub(crate) fn told_name<'l>(&self, labels: &'l LabelSet) -> &'l str {
        if self.budget.limits.delayed_name_removal { labels.name() } else { "" }
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
            for (step, value) in row.floats.iter().enumerate().filter(|(_, value)| is_present(**value)) {
                seen[step] = seen[step].saturating_add(1);
                values[step] = if seen[step] > 1 { f64::NAN } else { *value };
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
        self.inform_at(expr.place(), info);
    }

    pub(crate) fn inform_at(&self, at: usize, info: &str) {
        self.budget.inform(&format!("PromQL info: {info} ({})", place(self.text, at)));
    }

    /// Warns of quantiles that nothing has, which an expression gave.
    pub(crate) fn check_quantiles(&self, expr: &Expr, phi: &[f64]) {
        if let Some(phi) = phi.iter().find(|phi| !(0.0..=1.0).contains(*phi)) {
            self.warn(expr, &format!("quantile value should be between 0 and 1, got {}", short(*phi)));
        }
    }

    /// A scalar expression as a vector of one series without labels.
    pub(crate) fn vector_of_scalar(&self, expr: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        sink(Row::of_floats(LabelSet::empty(), self.scalar(expr, steps)?))
    }
}

fn negated(mut row: Row) -> Row {
    row.floats.iter_mut().filter(|value| is_present(**value)).for_each(|value| *value = -*value);
    row.histograms.iter_mut().flatten().for_each(|histogram| histogram.scale(-1.0));
    row
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
