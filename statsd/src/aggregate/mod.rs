//! Aggregation: what lines say in, one window's points out.

mod aggregator;
mod ahead;
mod cell;
mod cells;
mod kept;
mod keys;
mod limit;
mod naming;
mod slots;
mod telemetry;
#[cfg(test)]
mod tests;

pub use aggregator::Aggregator;
pub use telemetry::{Culprit, Telemetry};
