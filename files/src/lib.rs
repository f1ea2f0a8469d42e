//! Durable files, for whoever keeps something on a disk.
//!
//! A file is whole under its name or its name does not exist ([`write_whole`], [`replace`], [`create_whole`]); what is
//! appended is safe after [`sync`], a new name after [`sync_folder`]. Whatever changes a disk goes through here, so that
//! tests with the feature `fault` can let it fail, or take back what was never synced (`fault::Disk`).

mod change;
mod error;
#[cfg(feature = "fault")]
pub mod fault;
mod folder;
mod lock;
mod open;
mod perform;
mod read;
mod whole;

pub use error::Error;
pub use folder::{create_folder, free_bytes, names, remove, remove_folder, rename, sync_folder};
pub use lock::{FolderLock, LockError};
pub use open::{append, create, create_new, cut, open_or_create, sync, write_at};
pub use read::{put_checked, read_if_there};
pub use whole::{create_whole, publish, replace, write_whole};
