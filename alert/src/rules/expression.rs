//! A rule's expression: parsed once, and what it reads.

use std::time::Duration;

use weir_query::syntax::{Expr, Offset, ParseError, VectorSelector};
use weir_query::{MatchOp, Matcher, Query, QueryError};

/// An expression that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct BadExpression {
    /// Byte of the expression at which it goes wrong.
    pub offset: usize,
    /// What is wrong.
    pub problem: String,
}

/// A PromQL expression.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    query: Query,
}

/// What one selector of an expression reads.
#[derive(Clone, Debug)]
pub struct Reads {
    /// The conditions on series, the name's among them.
    pub matchers: Vec<Matcher>,
    /// The only metric name, if there is one.
    pub name: Option<String>,
    /// How far back from the time of evaluation it looks.
    pub back: Duration,
}

/// Time that an instant selector looks back; the engine's own default.
const LOOKBACK: Duration = Duration::from_secs(300);

impl Expression {
    /// Parses an expression whose result is a vector or a number.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, BadExpression> {
        let bad = |error: ParseError| BadExpression { offset: error.at, problem: error.problem };
        let query = Query::parse(text).map_err(bad)?;
        let kind = query.expr().value_type();
        if !matches!(kind.to_string().as_str(), "vector" | "scalar") {
            let problem = format!("the result is a {kind}, and a rule needs a vector or a number");
            return Err(BadExpression { offset: 0, problem });
        }
        Ok(Self { text: text.to_owned(), query })
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The parsed query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Its tree.
    pub fn tree(&self) -> &Expr {
        self.query.expr()
    }

    /// What its selectors read.
    ///
    /// # Errors
    /// A condition that is none.
    pub fn reads(&self) -> Result<Vec<Reads>, QueryError> {
        let mut reads = Vec::new();
        walk(self.tree(), Duration::ZERO, &mut reads)?;
        Ok(reads)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

fn walk(expr: &Expr, back: Duration, reads: &mut Vec<Reads>) -> Result<(), QueryError> {
    match expr {
        Expr::VectorSelector(selector) => reads.push(read(selector, back + LOOKBACK)?),
        Expr::MatrixSelector(matrix) => reads.push(read(&matrix.vs, back + matrix.range)?),
        Expr::Subquery(sub) => walk(&sub.expr, back + sub.range + before(sub.offset.as_ref()), reads)?,
        other => other.children().into_iter().try_for_each(|child| walk(child, back, reads))?,
    }
    Ok(())
}

fn before(offset: Option<&Offset>) -> Duration {
    match offset {
        Some(Offset::Pos(by)) => *by,
        _ => Duration::ZERO,
    }
}

fn read(selector: &VectorSelector, back: Duration) -> Result<Reads, QueryError> {
    let matchers = weir_query::matchers(selector)?;
    let exact = |matcher: &&Matcher| matcher.label() == "__name__" && matcher.op() == MatchOp::Equal;
    let name = matchers.iter().find(exact).map(|matcher| matcher.value().to_owned());
    Ok(Reads { name, matchers, back: back + before(selector.offset.as_ref()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_what_an_expression_reads() {
        let check = |text: &str, expected: &[(Option<&str>, u64)]| {
            let reads = Expression::parse(text).unwrap().reads().unwrap();
            let got: Vec<_> = reads.iter().map(|read| (read.name.as_deref(), read.back.as_secs())).collect();
            assert_eq!(got, expected, "{text}");
        };
        check("sum(rate(a[10m] offset 5m)) / on() b", &[(Some("a"), 900), (Some("b"), 300)]);
        check("max_over_time(a[1h:1m]) > 1", &[(Some("a"), 3_900)]);
        check("{__name__=~'a|b'} or absent(c)", &[(None, 300), (Some("c"), 300)]);
        check("vector(1)", &[]);
    }

    #[test]
    fn a_rule_needs_a_vector_or_a_number() {
        assert!(Expression::parse("up[5m]").unwrap_err().problem.contains("matrix"));
        assert!(Expression::parse("\"text\"").unwrap_err().problem.contains("string"));
        assert!(Expression::parse("1").is_ok());
    }
}
