//! States of alerts on disk: what they are, the transaction of an evaluation, events on their way out, history.

mod alert;
mod backend;
mod codec;
mod error;
mod file;
mod history;
mod reader;
mod store;

pub use alert::{Alert, Annotations, Phase};
pub use backend::{Kept, StateFile};
pub use codec::GroupRecord;
pub use error::StateError;
pub use file::{open_database, put_aside};
pub use history::{Entry, Happening};
pub use reader::History;
pub use store::{Commit, Happened, Said, SavedGroup, StateStore};
