//! Binary operators on single values.

use crate::syntax::BinaryExpr;
use weir_sample::Side;

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Arithmetic(Arithmetic),
    /// A comparison; `true` if it answers 0 or 1 (`bool`) rather than filters.
    Comparison(Comparison, bool),
    /// What is left of a histogram on one side of a number.
    Trim(Side),
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
            "</" => Self::Trim(Side::Below),
            ">/" => Self::Trim(Side::Above),
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
            Self::Trim(_) | Self::Set(_) => f64::NAN,
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
}
