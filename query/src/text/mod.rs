//! A query's text, up to its syntax tree.

pub(crate) mod matchers;
pub(crate) mod names;
pub(crate) mod parse;
pub(crate) mod query;
