//! The way up: closed windows in, sealed datagrams out, until a gateway has acknowledged them.

mod failures;
mod gateways;
mod heard;
mod probe;
mod push;
mod readings;
mod session;
mod spool;
mod stream;
mod trouble;

pub(crate) use heard::Heard;
pub(crate) use probe::probe;
pub(crate) use push::Push;
pub(crate) use readings::Standing;
pub(crate) use session::{read_fleet_key, read_token, token_end};
