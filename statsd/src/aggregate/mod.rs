//! Aggregation: what lines say in, one window's points out.

mod aggregator;
mod ahead;
mod cell;
mod cells;
mod keys;
mod naming;
mod room;
mod telemetry;

pub use aggregator::Aggregator;
pub use telemetry::{Culprit, Telemetry};
