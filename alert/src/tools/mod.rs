//! Tools around rules: unit tests in promtool's format, and replays.

mod memory;
mod notation;
mod unit;

pub use memory::Memory;
pub use unit::{Verdict, run_tests};
