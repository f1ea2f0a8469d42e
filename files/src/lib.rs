//! Durable files, for whoever keeps something on a disk, and secret ones.
//!
//! A file is whole under its name or its name does not exist ([`write_whole`], [`replace`], [`create_whole`]); what is
//! appended is safe after [`sync`], a new name after [`sync_folder`]. Whatever changes a disk goes through here, so that
//! tests with the feature `fault` can let it fail, or take back what was never synced (`fault::Disk`). Whatever is made here
//! is for its owner alone, whatever the umask; [`read_secret`] is the one way to a key or a token, [`say!`] and [`output`] the
//! one way to standard output.

mod change;
mod error;
#[cfg(feature = "fault")]
pub mod fault;
mod folder;
mod lock;
mod modes;
mod open;
mod perform;
mod read;
mod say;
mod secret;
mod whole;

pub use error::Error;
pub use folder::{
    create_folder, create_new_folder, free_bytes, names, own_folder, remove, remove_folder, rename, sync_folder,
};
pub use lock::{FolderLock, LockError};
pub use modes::keep_private;
pub use open::{append, create, create_new, cut, open_or_create, sync, write_at};
pub use read::{put_checked, read_if_there};
pub use say::{Output, output, say_line, sentence, tell_line};
pub use secret::{SecretError, read_secret};
pub use whole::{create_whole, publish, replace, write_whole};
