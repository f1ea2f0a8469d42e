//! Tests of the program as it runs: a real process, real sockets.
#![allow(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod access_log;
mod agent;
mod clocks;
mod package;
mod reload;
mod scrape;
mod sockets;
mod telemetry;
