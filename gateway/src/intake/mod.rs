//! How batches come in: datagrams by UDP, frames of the same by TLS, one [`Ingest`] for both.

mod acceptor;
mod connection;
mod ingest;
mod readings;
mod sockets;
mod streams;
mod udp;

pub(crate) use acceptor::{Acceptor, CONNECTION_BYTES};
pub(crate) use ingest::Ingest;
pub(crate) use readings::{Intake, StatsdIntake};
pub(crate) use sockets::Sockets;
pub(crate) use streams::Streams;
pub(crate) use udp::Receiver;
