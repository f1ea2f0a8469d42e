//! Rule files in Prometheus' format: read with places, checked, and the last good set kept.

mod document;
mod doubts;
mod dry_run;
mod expression;
mod fault;
mod meaning;
mod place;
mod read;
mod rule;
mod set;
mod text;

pub use expression::{BadExpression, Expression, Reads};
pub use fault::{Fault, Place, Weight};
pub(crate) use meaning::keeps_apart;
pub use read::read_rules;
pub use rule::{Alerting, Group, Kind, Rule};
pub use set::{Look, RuleSet, rule_files};
pub use text::{BadTemplate, Scope, Surroundings, Template};
pub use weir_query::syntax::write_duration;

#[cfg(test)]
mod tests;
