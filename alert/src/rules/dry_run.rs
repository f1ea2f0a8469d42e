//! An expression tried on no data at all: what the engine does not evaluate is told before it is needed.

use weir_query::{Allow, Answered, Each, Engine, Limits, Matcher, QueryError, Selection, Source, Tier};
use weir_sample::{Kind, Series, Timestamp};

use super::expression::Expression;

struct Nothing;

impl Source for Nothing {
    fn select(&self, _: &Selection<'_>, _: Each<'_>) -> Result<Answered, QueryError> {
        Ok(Answered { tier: Tier::Raw, partial: false, holes: Vec::new() })
    }

    fn series(
        &self,
        _: &[Matcher],
        _: Timestamp,
        _: Timestamp,
        _: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        Ok(Vec::new())
    }

    fn label_names(&self, _: &[Matcher], _: Timestamp, _: Timestamp, _: Allow<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn label_values(
        &self,
        _: &str,
        _: &[Matcher],
        _: Timestamp,
        _: Timestamp,
        _: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }
}

/// What the engine says against an expression, whatever the data.
pub(crate) fn refusal(expression: &Expression) -> Option<String> {
    let outcome = Engine::new(Limits::default()).ask(&Nothing, expression.query(), Timestamp::from_secs(0));
    outcome.err().map(|error| error.message())
}
