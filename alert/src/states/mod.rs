//! States of alerts on disk: what they are, the transaction of an evaluation, events on their way out, history.

mod alert;
mod backend;
mod codec;
mod error;
mod file;
mod history;
mod store;

pub use alert::{Alert, Annotations, Phase};
pub use codec::GroupRecord;
pub use error::StateError;
pub use file::open_database;
pub use history::{Entry, Happening};
pub use store::{Commit, SavedGroup, StateStore};
