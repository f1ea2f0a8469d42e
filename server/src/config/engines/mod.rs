//! Other engines: those that get what is stored, and those that a front asks.

mod asked;
mod written;

pub(crate) use asked::{EngineKind, EngineSettings};
#[cfg(test)]
pub(crate) use written::TierName;
pub(crate) use written::{BackendSettings, backends};
