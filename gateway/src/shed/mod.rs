//! How much of what authenticates there is room for now: priority classes under pressure, and rates per agent and tenant.
//!
//! What is shed is not acknowledged: it waits in its agent's spool, and its agent is told to slow down. A batch is
//! classed once per layout; with neither classes nor rates configured a layout is not even looked at.

mod config;
mod layouts;
mod overload;
mod rates;
mod shedder;

pub use config::{Class, ShedConfig};

pub(crate) use overload::{SLOW_AT, Shed};
pub(crate) use shedder::{Shedder, Shedding};
