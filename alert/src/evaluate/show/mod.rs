//! Groups, rules and alerts as they stand, for people, APIs and metrics.

mod answer;
mod readings;
mod view;

pub use answer::{AlertsAnswer, RulesAnswer, Wanted};
pub use view::{GroupView, RuleView};
