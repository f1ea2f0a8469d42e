//! A query's text, up to its syntax tree.

mod literals;
pub(crate) mod matchers;
pub(crate) mod names;
mod numbers;
pub(crate) mod parse;
mod plus;
pub(crate) mod query;
pub(crate) mod tree;
