//! Tables of series as Prometheus' tests write them, and series in memory: for tests of queries and of rules.

mod histogram;
mod memory;
mod notation;

pub use memory::Memory;
pub use notation::{Written, metric, series, split, values};
