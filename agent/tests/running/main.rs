//! Tests of the program as it runs: a real process, real sockets.

mod agent;
mod telemetry;
