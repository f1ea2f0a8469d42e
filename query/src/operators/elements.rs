//! Binary operators between two elements, of which each is a float or a histogram.

use weir_sample::{Histogram, ResetHint};

use crate::evaluate::Evaluator;
use crate::operators::arithmetic::{Arithmetic, Comparison, Operator};
use crate::syntax::BinaryExpr;

/// An element at one step.
#[derive(Clone, Copy)]
pub(crate) enum Element<'e> {
    Float(f64),
    Histogram(&'e Histogram),
}

/// What an operator makes of two elements.
#[derive(Debug)]
pub(crate) enum Outcome {
    Float(f64),
    Histogram(Box<Histogram>),
    /// A comparison does not let it through.
    Filtered,
    /// The operator knows nothing of two such elements.
    Nothing,
}

impl Element<'_> {
    fn told(self) -> &'static str {
        match self {
            Self::Float(_) => "float",
            Self::Histogram(_) => "histogram",
        }
    }
}

impl Evaluator<'_> {
    /// Applies an operator where at least one side is a histogram.
    pub(crate) fn elements_of(
        &self,
        operator: Operator,
        e: &BinaryExpr,
        lhs: Element<'_>,
        rhs: Element<'_>,
    ) -> Outcome {
        match (operator, lhs, rhs) {
            (Operator::Arithmetic(op), Element::Histogram(l), Element::Histogram(r)) => self.sum_of(op, e, l, r),
            (Operator::Arithmetic(Arithmetic::Multiply), Element::Float(number), Element::Histogram(histogram))
            | (Operator::Arithmetic(Arithmetic::Multiply), Element::Histogram(histogram), Element::Float(number)) => {
                scaled(histogram, number)
            }
            (Operator::Arithmetic(Arithmetic::Divide), Element::Histogram(histogram), Element::Float(number)) => {
                let mut divided = Box::new(histogram.clone());
                divided.divide(number);
                Outcome::Histogram(divided)
            }
            (Operator::Trim(side), Element::Histogram(histogram), Element::Float(number)) => {
                let mut trimmed = Box::new(histogram.clone());
                trimmed.trim(number, side);
                Outcome::Histogram(trimmed)
            }
            (
                Operator::Comparison(op @ (Comparison::Equal | Comparison::NotEqual), is_bool),
                Element::Histogram(l),
                Element::Histogram(r),
            ) => {
                let holds = l.is_same(r) == (op == Comparison::Equal);
                match (is_bool, holds) {
                    (true, _) => Outcome::Float(f64::from(u8::from(holds))),
                    (false, true) => Outcome::Histogram(Box::new(l.clone())),
                    (false, false) => Outcome::Filtered,
                }
            }
            _ => self.mismatched(e, lhs, rhs),
        }
    }

    fn sum_of(&self, op: Arithmetic, e: &BinaryExpr, lhs: &Histogram, rhs: &Histogram) -> Outcome {
        let mut result = lhs.clone();
        let (outcome, during) = match op {
            Arithmetic::Add => (result.plus(rhs), "addition"),
            Arithmetic::Subtract => (result.minus(rhs), "subtraction"),
            _ => return self.mismatched(e, Element::Histogram(lhs), Element::Histogram(rhs)),
        };
        let Ok(joined) = outcome else {
            let what = format!("incompatible bucket layout encountered for binary operator {}", e.op);
            self.warn_at(e.lhs.place(), &what);
            return Outcome::Nothing;
        };
        if joined.hints_collide {
            self.warn_at(e.lhs.place(), &format!("conflicting counter resets during histogram {during}"));
        }
        if joined.bounds_reconciled {
            self.inform_at(e.lhs.place(), &format!("mismatched custom buckets were reconciled during {during}"));
        }
        let result = if op == Arithmetic::Subtract { result.with_hint(ResetHint::Gauge) } else { result };
        Outcome::Histogram(Box::new(result))
    }

    /// Tells of two elements that an operator knows nothing of.
    pub(crate) fn mismatched(&self, e: &BinaryExpr, lhs: Element<'_>, rhs: Element<'_>) -> Outcome {
        let what = "incompatible sample types encountered for binary operator";
        let (op, lhs, rhs) = (e.op, lhs.told(), rhs.told());
        self.inform_at(e.lhs.place(), &format!("{what} {op:?}: {lhs} {op} {rhs}"));
        Outcome::Nothing
    }
}

fn scaled(histogram: &Histogram, by: f64) -> Outcome {
    let mut scaled = Box::new(histogram.clone());
    scaled.scale(by);
    Outcome::Histogram(scaled)
}
