//! `and`, `or`, `unless`: which elements stay depends on whether the other side has one with the same labels.

use std::collections::HashMap;

use crate::syntax::BinaryExpr;

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::operators::arithmetic::SetOperator;
use crate::operators::matching::signature;
use crate::presence::Presence;
use crate::row::{Row, Steps};

/// Per match group, the steps at which it has an element.
type Seen = HashMap<Box<str>, Presence>;

impl Evaluator<'_> {
    /// Evaluates a set operator. One side leaves a bit per group and step; the other passes through.
    pub(crate) fn set(
        &self,
        operator: SetOperator,
        e: &BinaryExpr,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let choice = signature(e);
        let mut key = String::new();
        let mut seen = Seen::new();
        let (first, second) = if operator == SetOperator::Or { (&e.lhs, &e.rhs) } else { (&e.rhs, &e.lhs) };
        self.vector(first, steps, &mut |row| {
            choice.write(&row.labels, &mut key);
            self.mark(&mut seen, &key, &row, steps.count)?;
            if operator == SetOperator::Or { sink(row) } else { Ok(()) }
        })?;
        self.vector(second, steps, &mut |mut row| {
            choice.write(&row.labels, &mut key);
            retain(&mut row, seen.get(key.as_str()), operator == SetOperator::And, steps.count);
            if row.is_empty() { Ok(()) } else { sink(row) }
        })
    }

    fn mark(&self, seen: &mut Seen, key: &str, row: &Row, steps: usize) -> Result<(), QueryError> {
        let presence = Presence::of(row, steps);
        if let Some(seen) = seen.get_mut(key) {
            seen.add(&presence);
            return Ok(());
        }
        self.budget.hold(key.len() + presence.heap_bytes())?;
        seen.insert(key.into(), presence);
        Ok(())
    }
}

/// Keeps the steps at which the other side has an element, or those at which it has none.
fn retain(row: &mut Row, other: Option<&Presence>, present: bool, steps: usize) {
    for step in 0..steps {
        if other.is_some_and(|other| other.has(step)) != present {
            row.clear(step);
        }
    }
}
