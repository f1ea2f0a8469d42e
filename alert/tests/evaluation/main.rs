//! Rules over series in memory, evaluated by a clock that is moved by hand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alerts;
mod answers;
mod bench;
mod catching_up;
mod crashes;
mod groups;
mod late;
mod reloads;
mod replays;
mod unit_tests;
