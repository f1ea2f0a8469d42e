//! The way up: closed windows in, sealed datagrams out, until a gateway has acknowledged them.

mod push;
mod readings;
mod session;
mod spool;
mod stream;

pub(crate) use push::Push;
