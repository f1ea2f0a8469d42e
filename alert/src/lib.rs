//! Alerting rules and their states: evaluation results enter with the time, events to be sent leave.
//!
//! Nothing here reads a clock or sends anything.

pub mod duration;
pub mod event;
mod pattern;
pub mod routing;
mod rule;
mod states;
pub mod template;

pub use rule::{Rule, RuleError};
pub use states::{Active, Event, Phase, States};
