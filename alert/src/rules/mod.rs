//! Rule files in Prometheus' format: read with places, checked, and the last good set kept.

mod bounds;
mod diagnosis;
mod document;
mod doubts;
mod dry_run;
mod duration;
mod expression;
mod fault;
mod labels;
mod never;
mod place;
mod read;
mod rule;
mod set;
mod text;

pub use diagnosis::BadExpression;
pub use duration::write_duration;
pub use expression::{Expression, Reads};
pub use fault::{Fault, Place, Weight};
pub use read::read_rules;
pub use rule::{Alerting, Group, Kind, Rule};
pub use set::{Look, RuleSet};
pub use text::{BadTemplate, Scope, Surroundings, Template};

#[cfg(test)]
mod tests;
