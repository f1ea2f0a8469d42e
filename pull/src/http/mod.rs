//! HTTP/1.1 to targets and services: one connection for each, kept open; answers bounded in size.

mod answer;
mod client;
mod failure;
mod stream;
mod tls;

pub(crate) use answer::{Answer, Room};
pub(crate) use client::{Ask, Client, Connection};
pub(crate) use failure::Failure;
pub(crate) use stream::Stream;
