//! The conditions of a selector.

use promql_parser::label::MatchOp as ParsedOp;
use promql_parser::parser::VectorSelector;
use weir_store::{MatchOp, Matcher};

use crate::error::QueryError;
use crate::labels::METRIC_NAME;

/// Says whether there is time left; expressions take long to compile, and there may be many.
pub(crate) type Clock<'c> = &'c dyn Fn() -> Result<(), QueryError>;

/// The conditions of a selector, its metric name among them.
pub(crate) fn matchers(selector: &VectorSelector, clock: Clock<'_>) -> Result<Vec<Matcher>, QueryError> {
    if !selector.matchers.or_matchers.is_empty() {
        return Err(QueryError::Unsupported("\"or\" between label matchers".into()));
    }
    let name = selector.name.iter().map(|name| matcher(METRIC_NAME, MatchOp::Equal, name));
    let labels = selector.matchers.matchers.iter().map(|parsed| {
        clock()?;
        let op = match parsed.op {
            ParsedOp::Equal => MatchOp::Equal,
            ParsedOp::NotEqual => MatchOp::NotEqual,
            ParsedOp::Re(_) => MatchOp::Regex,
            ParsedOp::NotRe(_) => MatchOp::NotRegex,
        };
        matcher(&parsed.name, op, &parsed.value)
    });
    name.chain(labels).collect()
}

fn matcher(label: &str, op: MatchOp, value: &str) -> Result<Matcher, QueryError> {
    Matcher::new(label, op, value).map_err(|error| QueryError::parse(error.to_string()))
}
