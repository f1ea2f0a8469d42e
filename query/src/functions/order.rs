//! `sort`, `sort_desc`, `sort_by_label`, `sort_by_label_desc`. They order the elements of an instant query; the series
//! of a range query come in the order of their labels whatever the query says.

use std::cmp::Ordering;

use crate::syntax::Expr;

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink, string};
use crate::row::{Row, Steps};

impl Evaluator<'_> {
    /// By value, NaN last in either direction. Distributions have no order and are left out.
    pub(crate) fn sort(&self, expr: &Expr, descending: bool, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let mut rows = self.rows(expr, steps)?;
        if steps.count == 1 {
            rows.iter_mut().for_each(|row| row.histograms = Vec::new());
            rows.retain(|row| !row.is_empty());
            rows.sort_by(|a, b| by_value(a.float(0), b.float(0), descending));
        }
        rows.into_iter().try_for_each(sink)
    }

    /// By the values of labels, numbers inside them compared as numbers.
    pub(crate) fn sort_by_label(
        &self,
        args: &[&Expr],
        descending: bool,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let [vector, labels @ ..] = args else { return Err(QueryError::parse("sort_by_label() takes a vector")) };
        let labels = labels.iter().map(|label| string(label)).collect::<Result<Vec<_>, _>>()?;
        let mut rows = self.rows(vector, steps)?;
        rows.sort_by(|a, b| {
            let order = by_labels(a, b, &labels);
            if descending { order.reverse() } else { order }
        });
        rows.into_iter().try_for_each(sink)
    }
}

/// Whether an instant query decides on the order of its elements.
pub(crate) fn is_ordered(expr: &Expr) -> bool {
    match expr.bare() {
        Expr::Call(call) => call.func.name.starts_with("sort"),
        Expr::Aggregate(e) => matches!(e.op, "topk" | "bottomk"),
        _ => false,
    }
}

/// Where a query sorts.
pub(crate) fn sorts(expr: &Expr) -> Vec<usize> {
    let (mut places, mut open) = (Vec::new(), vec![expr]);
    while let Some(inner) = open.pop() {
        match inner {
            Expr::Call(call) if call.func.name.starts_with("sort") => places.push(call.place),
            _ => {}
        }
        open.extend(inner.children());
    }
    places
}

fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) if descending => b.total_cmp(&a),
        (false, false) => a.total_cmp(&b),
        (a, b) => a.cmp(&b),
    }
}

fn by_labels(a: &Row, b: &Row, labels: &[&str]) -> Ordering {
    let by_label = labels.iter().map(|label| natural(a.labels.value(label), b.labels.value(label)));
    by_label.reduce(Ordering::then).unwrap_or(Ordering::Equal).then_with(|| a.labels.cmp(&b.labels))
}

/// Compares text so that `b2` comes before `b10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let ((a_part, a_rest), (b_part, b_rest)) = (chunk(a), chunk(b));
        if a_part.is_empty() || b_part.is_empty() {
            return a_part.len().cmp(&b_part.len());
        }
        let order = match (number(a_part), number(b_part)) {
            (Some(x), Some(y)) => x.len().cmp(&y.len()).then_with(|| x.cmp(y)),
            _ => a_part.cmp(b_part),
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
}

/// The leading run of digits, or of what are none.
fn chunk(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    text.split_at(text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len()))
}

/// The digits of a number without leading zeros.
fn number(part: &str) -> Option<&str> {
    part.starts_with(|c: char| c.is_ascii_digit()).then(|| part.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_text_are_compared_as_numbers() {
        let check = |a: &str, b: &str, expected| assert_eq!(natural(a, b), expected, "{a} {b}");
        check("b2", "b10", Ordering::Less);
        check("b02", "b2", Ordering::Equal);
        check("", "a", Ordering::Less);
        check("cpu9-x", "cpu10-a", Ordering::Less);
        check("a", "b", Ordering::Less);
    }
}
