//! What lasts: alerts, silences, what is about to be sent, what was sent, and what nobody took.

mod error;
mod records;
mod store;
mod tables;
mod write;

pub use error::Error;
pub use records::{DeadLetter, Reason, Sent};
pub(crate) use records::{Intent, IntentHead, LogEntry};
pub(crate) use store::Store;
pub(crate) use write::Write;
