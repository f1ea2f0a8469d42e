//! The conditions of a selector.

use crate::syntax::VectorSelector;
use weir_store::{MatchOp, Matcher};

use crate::error::QueryError;
use crate::labels::METRIC_NAME;

/// Says whether there is time left; expressions take long to compile, and there may be many.
pub(crate) type Clock<'c> = &'c dyn Fn() -> Result<(), QueryError>;

/// The conditions of a selector, its metric name among them.
pub(crate) fn matchers(selector: &VectorSelector, clock: Clock<'_>) -> Result<Vec<Matcher>, QueryError> {
    let name = selector.name.iter().map(|name| matcher(METRIC_NAME, MatchOp::Equal, name));
    let labels = selector.matchers.iter().map(|condition| {
        clock()?;
        matcher(&condition.name, condition.op, &condition.value)
    });
    name.chain(labels).collect()
}

fn matcher(label: &str, op: MatchOp, value: &str) -> Result<Matcher, QueryError> {
    Matcher::new(label, op, value).map_err(|error| QueryError::Parse(error.to_string()))
}
