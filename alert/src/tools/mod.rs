//! Tools around rules: unit tests in promtool's format, and replays.

mod replay;
mod unit;

pub use replay::{Before, Replayed, replay, replay_while};
pub use unit::{Verdict, run_tests};
