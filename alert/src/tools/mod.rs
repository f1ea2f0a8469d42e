//! Tools around rules: unit tests in promtool's format, and replays.

mod memory;
mod notation;
mod replay;
mod unit;

pub use memory::Memory;
pub use replay::{Before, Replayed, replay};
pub use unit::{Verdict, run_tests};
