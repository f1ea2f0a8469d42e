//! StatsD text in every dialect, read from borrowed bytes, and a window's aggregation of it.
//!
//! ```text
//! datagram ──parse──▶ Item ──Aggregator::add──▶ cells ──Aggregator::close──▶ (Series, Value)
//! ```
//! Nothing here reads a socket or a clock, and a line whose series is known costs no allocation.

mod aggregator;
mod ahead;
mod cell;
mod cells;
mod config;
mod event;
mod keys;
mod line;
mod naming;
mod number;
mod record;
mod refused;
mod room;
mod tags;
mod telemetry;

pub use aggregator::Aggregator;
pub use config::{AggregatorConfig, Idle, TimerUnit};
pub use event::{Event, ServiceCheck, Status};
pub use line::{Item, Metric, Type, Values, parse};
pub use number::Number;
pub use record::{CheckRecord, EventRecord};
pub use refused::{Reason, Refused};
pub use tags::{Tag, Tags};
pub use telemetry::{Culprit, Telemetry};
