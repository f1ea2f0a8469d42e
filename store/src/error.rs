//! What can go wrong in the store.

use std::io;
use std::path::{Path, PathBuf};

use weir_files::LockError;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the store open.
    #[error("{} is in use by {}", folder.display(), process(*owner))]
    Locked {
        /// The store.
        folder: PathBuf,
        /// Its process id, if it has told it yet.
        owner: Option<u32>,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The object store did not do what it was asked.
    #[error("cannot {action} {key} in the object store")]
    Remote {
        /// What was being done.
        action: &'static str,
        /// To which object.
        key: String,
        /// What the object store said.
        #[source]
        source: io::Error,
    },
    /// A file's content is not what was written.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What in it is wrong.
        what: &'static str,
    },
    /// A file was written by a version that this one does not know.
    #[error("{} has format version {found}, which this program does not know: it was written by another version of Weir", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// An earlier write failed, so what is on disk is not known; the store takes no more until it is opened again.
    #[error("the store refuses writes since an earlier failure: {0}")]
    Refusing(String),
    /// Maintenance was told to stop; what it had begun is undone and done again after the next start.
    #[error("maintenance was stopped")]
    Stopped,
    /// A later cut took the place of this one.
    #[error("a later checkpoint was begun before this one was written")]
    Superseded,
    /// A backup is only brought back to where nothing is.
    #[error("{} is not empty: a backup is brought back to an empty folder only", .0.display())]
    NotEmpty(PathBuf),
    /// There is no such backup.
    #[error("there is no backup {0} there")]
    NoBackup(String),
    /// The columns were resolved before series of them were forgotten: resolve them again.
    #[error("these rows are out of date; resolve their columns again")]
    StaleRows,
    /// The row has not as many values as columns were resolved.
    #[error("a row of {found} values for {expected} columns")]
    Width {
        /// Columns resolved.
        expected: usize,
        /// Values given.
        found: usize,
    },
}

fn process(owner: Option<u32>) -> String {
    owner.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl From<weir_files::Error> for Error {
    fn from(weir_files::Error { action, path, source }: weir_files::Error) -> Self {
        Self::Io { action, path, source }
    }
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// Makes an error of what keeps a folder from being locked.
    pub(crate) fn lock(folder: &Path) -> impl FnOnce(LockError) -> Self {
        move |error| match error {
            LockError::Taken { owner } => Self::Locked { folder: folder.to_owned(), owner },
            LockError::Io(error) => error.into(),
        }
    }

    pub(crate) fn remote(action: &'static str, key: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Remote { action, key: key.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path) -> impl FnOnce(Damaged) -> Self {
        move |Damaged(what)| Self::Damaged { path: path.to_owned(), what }
    }
}

/// Bytes that no writer of ours has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged(pub &'static str);
