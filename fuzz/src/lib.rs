//! What is fed with bytes from outside, and what must hold whatever they are.
//!
//! Each target is a `run` over any bytes and a few `seeds` to start from. libFuzzer drives them (`fuzz_targets/`), and so
//! does [`driver`], which needs nothing but the stable toolchain.

pub mod batch;
pub mod datagram;
pub mod driver;
pub mod families;
pub mod frame;
pub mod histogram;
pub mod promql;
pub mod protocols;
pub mod segment;
pub mod statsd;
pub mod text;
