//! The syntax tree.

use std::time::Duration;

use weir_store::MatchOp;

use super::functions::Function;
use super::value_type::ValueType;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `sum by (a) (x)`.
    Aggregate(AggregateExpr),
    /// `-x`.
    Unary(UnaryExpr),
    /// `x + y`.
    Binary(BinaryExpr),
    /// `(x)`.
    Paren(ParenExpr),
    /// `x[1h:1m]`.
    Subquery(SubqueryExpr),
    /// `1.5`, or a duration, which is its seconds.
    NumberLiteral(NumberLiteral),
    /// `"text"`.
    StringLiteral(StringLiteral),
    /// `x{a="b"}`.
    VectorSelector(VectorSelector),
    /// `x{a="b"}[5m]`.
    MatrixSelector(MatrixSelector),
    /// `rate(x[5m])`.
    Call(Call),
}

/// An aggregation over groups of series.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateExpr {
    /// Its name, in lower case.
    pub op: &'static str,
    /// What is aggregated.
    pub expr: Box<Expr>,
    /// As of `topk` and `quantile`.
    pub param: Option<Box<Expr>>,
    /// By which labels groups are made.
    pub modifier: Option<LabelModifier>,
    /// Byte of the query at which it begins.
    pub place: usize,
}

/// Which labels count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelModifier {
    /// `by`, `on`.
    Include(Vec<String>),
    /// `without`, `ignoring`.
    Exclude(Vec<String>),
}

/// The other sign.
#[derive(Clone, Debug, PartialEq)]
pub struct UnaryExpr {
    /// What is turned.
    pub expr: Box<Expr>,
    /// Byte of the query at which the sign stands.
    pub place: usize,
}

/// Two operands.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryExpr {
    /// The operator as it is written, words in lower case.
    pub op: &'static str,
    /// Left of it.
    pub lhs: Box<Expr>,
    /// Right of it.
    pub rhs: Box<Expr>,
    /// How elements find each other, if anything is said of that.
    pub modifier: Option<BinModifier>,
    /// Byte of the query at which the operator stands.
    pub place: usize,
}

impl BinaryExpr {
    /// Whether a comparison gives 0 and 1 in place of what it lets through.
    pub fn return_bool(&self) -> bool {
        self.modifier.as_ref().is_some_and(|modifier| modifier.return_bool)
    }

    /// Whether it compares.
    pub fn is_comparison(&self) -> bool {
        is_comparison(self.op)
    }
}

pub(super) fn is_comparison(op: &str) -> bool {
    matches!(op, "==" | "!=" | "<" | "<=" | ">" | ">=")
}

/// How the elements of two vectors find each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BinModifier {
    /// How many may match how many.
    pub card: VectorMatchCardinality,
    /// By which labels.
    pub matching: Option<LabelModifier>,
    /// `bool`.
    pub return_bool: bool,
    /// What stands for an element of the left side that is missing.
    pub fill_left: Option<f64>,
    /// What stands for an element of the right side that is missing.
    pub fill_right: Option<f64>,
}

/// How many elements may match how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum VectorMatchCardinality {
    /// Each one other.
    #[default]
    OneToOne,
    /// `group_left`, with labels of the right side.
    ManyToOne(Vec<String>),
    /// `group_right`, with labels of the left side.
    OneToMany(Vec<String>),
}

/// Parentheses, which keep their place when an expression is printed.
#[derive(Clone, Debug, PartialEq)]
pub struct ParenExpr {
    /// What is inside.
    pub expr: Box<Expr>,
    /// Byte of the query at which it begins.
    pub place: usize,
}

/// An expression at many instants.
#[derive(Clone, Debug, PartialEq)]
pub struct SubqueryExpr {
    /// What is evaluated.
    pub expr: Box<Expr>,
    /// How far back.
    pub range: Duration,
    /// How often; `None` is the default.
    pub step: Option<Duration>,
    /// `offset`.
    pub offset: Option<Offset>,
    /// `@`.
    pub at: Option<AtModifier>,
}

/// A number.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberLiteral {
    /// Its value.
    pub val: f64,
    /// Byte of the query at which it begins.
    pub place: usize,
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringLiteral {
    /// Without quotes and escapes.
    pub val: String,
    /// Byte of the query at which it begins.
    pub place: usize,
}

/// Series at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorSelector {
    /// The metric name where it stands outside of the conditions, or alone among them.
    pub name: Option<String>,
    /// The conditions.
    pub matchers: Vec<LabelMatcher>,
    /// `offset`.
    pub offset: Option<Offset>,
    /// `@`.
    pub at: Option<AtModifier>,
    /// `anchored`, `smoothed`.
    pub edges: Edges,
    /// Byte of the query at which it begins.
    pub place: usize,
}

/// What stands at the edges of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edges {
    /// Nothing but the samples in it.
    #[default]
    Within,
    /// `anchored`: the sample before its start.
    Anchored,
    /// `smoothed`: what lies between the samples on both sides of an edge.
    Smoothed,
}

/// A condition on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMatcher {
    /// The label.
    pub name: String,
    /// How it is compared.
    pub op: MatchOp,
    /// With what.
    pub value: String,
}

/// Series over a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixSelector {
    /// Which series.
    pub vs: VectorSelector,
    /// How far back.
    pub range: Duration,
}

/// How much earlier or later a selector looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// Earlier.
    Pos(Duration),
    /// Later.
    Neg(Duration),
}

/// When a selector looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtModifier {
    /// At the first step of the query.
    Start,
    /// At the last.
    End,
    /// Then: milliseconds since 1970.
    At(i64),
}

/// A function with what it is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Which.
    pub func: &'static Function,
    /// What it is given.
    pub args: Vec<Expr>,
    /// Byte of the query at which it begins.
    pub place: usize,
}

impl Expr {
    /// What its value is.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Aggregate(_) | Self::VectorSelector(_) => ValueType::Vector,
            Self::Unary(e) => e.expr.value_type(),
            Self::Binary(e) => match (e.lhs.value_type(), e.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            Self::Paren(e) => e.expr.value_type(),
            Self::Subquery(_) | Self::MatrixSelector(_) => ValueType::Matrix,
            Self::NumberLiteral(_) => ValueType::Scalar,
            Self::StringLiteral(_) => ValueType::String,
            Self::Call(call) => call.func.return_type,
        }
    }

    /// Byte of the query at which it begins.
    pub fn place(&self) -> usize {
        match self {
            Self::Aggregate(e) => e.place,
            Self::Unary(e) => e.place,
            Self::Binary(e) => e.lhs.place(),
            Self::Paren(e) => e.place,
            Self::Subquery(e) => e.expr.place(),
            Self::NumberLiteral(e) => e.place,
            Self::StringLiteral(e) => e.place,
            Self::VectorSelector(e) => e.place,
            Self::MatrixSelector(e) => e.vs.place,
            Self::Call(e) => e.place,
        }
    }

    /// The expressions directly inside.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Aggregate(e) => e.param.iter().map(|param| &**param).chain([&*e.expr]).collect(),
            Self::Unary(e) => vec![&e.expr],
            Self::Binary(e) => vec![&e.lhs, &e.rhs],
            Self::Paren(e) => vec![&e.expr],
            Self::Subquery(e) => vec![&e.expr],
            Self::Call(e) => e.args.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The expression inside any parentheses.
    pub fn bare(&self) -> &Expr {
        let mut expr = self;
        while let Self::Paren(inner) = expr {
            expr = &inner.expr;
        }
        expr
    }
}
