//! The subcommands that are no server: a file, or a folder, for each, and how a running server is asked.

pub(crate) mod alert;
pub(crate) mod ask;
pub(crate) mod certs;
pub(crate) mod check;
pub(crate) mod collect;
pub(crate) mod context;
pub(crate) mod demo;
pub(crate) mod emit;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
pub(crate) mod keys;
pub(crate) mod manual;
pub(crate) mod progress;
pub(crate) mod query;
pub(crate) mod store;
pub(crate) mod token;
pub(crate) mod top;
pub(crate) mod why;
