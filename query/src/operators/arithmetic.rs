//! Binary operators on single values.

use crate::syntax::BinaryExpr;
use weir_sample::Histogram;

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Arithmetic(Arithmetic),
    /// A comparison; `true` if it answers 0 or 1 (`bool`) rather than filters.
    Comparison(Comparison, bool),
    Set(SetOperator),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Atan2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetOperator {
    And,
    Or,
    Unless,
}

impl Operator {
    pub(crate) fn of(e: &BinaryExpr) -> Self {
        match e.op {
            "+" => Self::Arithmetic(Arithmetic::Add),
            "-" => Self::Arithmetic(Arithmetic::Subtract),
            "*" => Self::Arithmetic(Arithmetic::Multiply),
            "/" => Self::Arithmetic(Arithmetic::Divide),
            "%" => Self::Arithmetic(Arithmetic::Modulo),
            "^" => Self::Arithmetic(Arithmetic::Power),
            "atan2" => Self::Arithmetic(Arithmetic::Atan2),
            "==" => Self::Comparison(Comparison::Equal, e.return_bool()),
            "!=" => Self::Comparison(Comparison::NotEqual, e.return_bool()),
            "<" => Self::Comparison(Comparison::Less, e.return_bool()),
            "<=" => Self::Comparison(Comparison::LessOrEqual, e.return_bool()),
            ">" => Self::Comparison(Comparison::Greater, e.return_bool()),
            ">=" => Self::Comparison(Comparison::GreaterOrEqual, e.return_bool()),
            "and" => Self::Set(SetOperator::And),
            "or" => Self::Set(SetOperator::Or),
            _ => Self::Set(SetOperator::Unless),
        }
    }

    /// The operator between two scalars; a comparison answers 0 or 1.
    pub(crate) fn scalars(self, lhs: f64, rhs: f64) -> f64 {
        match self {
            Self::Arithmetic(arithmetic) => arithmetic.of(lhs, rhs),
            Self::Comparison(comparison, _) => f64::from(u8::from(comparison.holds(lhs, rhs))),
            Self::Set(_) => f64::NAN,
        }
    }

    /// Whether the result no longer is what its metric name says.
    pub(crate) fn drops_name(self) -> bool {
        matches!(self, Self::Arithmetic(_) | Self::Comparison(_, true))
    }
}

impl Arithmetic {
    #[inline]
    pub(crate) fn of(self, lhs: f64, rhs: f64) -> f64 {
        match self {
            Self::Add => lhs + rhs,
            Self::Subtract => lhs - rhs,
            Self::Multiply => lhs * rhs,
            Self::Divide => lhs / rhs,
            Self::Modulo => lhs % rhs,
            Self::Power => lhs.powf(rhs),
            Self::Atan2 => lhs.atan2(rhs),
        }
    }

    /// The operator between two histograms, of which only the sum exists.
    pub(crate) fn of_histograms(self, lhs: &Histogram, rhs: &Histogram) -> Option<Histogram> {
        if self != Self::Add {
            return None;
        }
        let mut sum = lhs.clone();
        sum.merge(rhs);
        Some(sum)
    }

    /// A histogram and a number: weights can be multiplied and divided, but not turned negative.
    pub(crate) fn of_histogram(self, histogram: &Histogram, number: f64, histogram_is_left: bool) -> Option<Histogram> {
        let factor = match self {
            Self::Multiply => number,
            Self::Divide if histogram_is_left => 1.0 / number,
            _ => return None,
        };
        if !(factor.is_finite() && factor > 0.0) {
            return None;
        }
        let mut scaled = histogram.clone();
        scaled.scale(factor);
        Some(scaled)
    }
}

impl Comparison {
    #[inline]
    pub(crate) fn holds(self, lhs: f64, rhs: f64) -> bool {
        match self {
            Self::Equal => lhs == rhs,
            Self::NotEqual => lhs != rhs,
            Self::Less => lhs < rhs,
            Self::LessOrEqual => lhs <= rhs,
            Self::Greater => lhs > rhs,
            Self::GreaterOrEqual => lhs >= rhs,
        }
    }

    /// Histograms can only be told apart.
    pub(crate) fn holds_for_histograms(self, lhs: &Histogram, rhs: &Histogram) -> bool {
        match self {
            Self::Equal => lhs == rhs,
            Self::NotEqual => lhs != rhs,
            _ => false,
        }
    }
}
