//! StatsD text in every dialect, read from borrowed bytes, and a window's aggregation of it.
//!
//! ```text
//! datagram ──parse──▶ Item ──Aggregator::add──▶ cells ──Aggregator::close──▶ (Series, Value)
//! ```
//! Nothing here reads a socket or a clock, and a line whose series is known costs no allocation.

mod aggregate;
mod config;
mod line;

pub use aggregate::{Aggregator, Culprit, Telemetry};
pub use config::{AggregatorConfig, Idle, TimerUnit};
pub use line::{Event, Item, Metric, Number, Reason, Refused, ServiceCheck, Tag, Tags, Type, Values, parse};
