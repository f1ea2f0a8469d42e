//! One owner per directory: an exclusive lock on a file in it, released by the system however the process ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use crate::Error;

/// Held while a store is open.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Creates the directory if need be and locks it.
    pub(crate) fn acquire(directory: &Path) -> Result<Self, Error> {
        fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
        let path = directory.join("lock");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(&path).map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked(directory.to_owned())),
            Err(TryLockError::Error(source)) => Err(Error::Io { action: "lock", path, source }),
        }
    }
}
