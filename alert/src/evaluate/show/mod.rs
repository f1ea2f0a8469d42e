//! Groups, rules and alerts as they stand, for people, APIs and metrics.

mod answer;
mod readings;
mod shown;

pub use answer::{AlertsAnswer, RulesAnswer, Wanted};
