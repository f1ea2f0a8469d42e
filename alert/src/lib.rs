//! Alerting: rules, their evaluation at event time, and the states of alerts; what is to be told leaves as events.
//!
//! Nothing here asks for the time or opens a socket.

pub mod duration;
pub mod evaluate;
pub mod event;
mod pattern;
pub mod routing;
pub mod rules;
pub mod states;
pub mod template;
pub mod tools;
