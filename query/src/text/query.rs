//! A query that is parsed once and asked often, and what its selectors ask.

use crate::syntax::{Asked, Expr, ParseError, VectorSelector};
use weir_store::Matcher;

use crate::error::QueryError;
use crate::text::matchers;
use crate::text::parse::parse_within;

/// A query that is parsed once and asked often.
#[derive(Clone, Debug)]
pub struct Query {
    text: Box<str>,
    expr: Expr,
}

impl Query {
    /// Parses a query.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let outcome = parse_within(text, Asked::default(), &|| Ok(()));
        let expr = outcome.unwrap_or_else(|error| Err(ParseError { at: 0, problem: error.to_string() }))?;
        Ok(Self { text: text.into(), expr })
    }

    /// The query as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }
}

/// The conditions of a parsed selector, its metric name among them.
///
/// # Errors
/// A condition that this engine does not have.
pub fn matchers(selector: &VectorSelector) -> Result<Vec<Matcher>, QueryError> {
    matchers::matchers(selector, &|| Ok(()))
}
