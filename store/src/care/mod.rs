//! What is done for the files beside reading and writing: upkeep, moving to the object store, checks, repair, backups.

pub(crate) mod backup;
mod compact;
mod maintain;
mod moving;
pub(crate) mod repair;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub(crate) mod verify;
