//! A gateway on real sockets in front of a real log: what is acknowledged is durable, and nothing else is answered.

#![allow(clippy::unwrap_used)]

mod datagrams;
mod forgery;
mod overload;
mod site;
mod statsd;
mod streams;
