//! Why states could not be kept or read.

use std::path::PathBuf;

/// A state file that cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A newer program wrote it.
    #[error("{} was written by a newer weir (format {found}, this one knows {known}): start that one, or move the file away", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format that this program knows.
        known: u64,
    },
    /// Another process has it open.
    #[error("{} is in use by another process: stop it, or give this one a state file of its own", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be opened, or put aside.
    #[error("cannot open the state file: {0}")]
    Open(#[from] weir_files::Error),
    /// It could be opened and does not do what it should; to be tried again.
    #[error("the state file {} cannot be {action}: {cause}", path.display())]
    Failed {
        /// What was being done, as in "written".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What redb says.
        cause: String,
    },
}
