//! PromQL's text: tokens, a tree, and whether its parts fit together. What is wrong is told with its place.

mod check;
mod error;
mod functions;
mod lexer;
mod modifiers;
mod number;
mod parser;
mod print;
mod selectors;
mod strings;
mod tree;
mod value_type;

pub use error::{ParseError, place};
pub use functions::{Function, Variadic};
pub use parser::{Asked, parse, parse_for};
pub use strings::quoted;
pub use tree::{
    AggregateExpr, AtModifier, BinModifier, BinaryExpr, Call, Edges, Expr, LabelMatcher, LabelModifier, MatrixSelector,
    NumberLiteral, Offset, ParenExpr, StringLiteral, SubqueryExpr, UnaryExpr, VectorMatchCardinality, VectorSelector,
};
pub use weir_sample::{BadDuration, read_duration, write_duration};

pub use value_type::ValueType;

#[cfg(test)]
mod tests;
