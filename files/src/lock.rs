//! One owner per folder, or per whatever else a lock file stands for: an exclusive lock, released by the system however
//! the process ends. The file tells the owner's process id to those who are refused.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::modes::OWNER_ONLY;
use crate::{Error, own_folder};

/// Held while this process is the owner.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Why a folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another has it.
    #[error("it is in use{}", owner.map(|owner| format!(" by process {owner}")).unwrap_or_default())]
    Taken {
        /// The owner's process id, where it could be read.
        owner: Option<u32>,
    },
    /// The file system would not.
    #[error(transparent)]
    Io(#[from] Error),
}

impl FolderLock {
    /// Creates the folder if need be, keeps others out of it ([`own_folder`]) and locks it by its file `lock`.
    ///
    /// # Errors
    /// [`LockError::Taken`] if another has it, or what the file system says.
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        own_folder(folder)?;
        Self::acquire_file(&folder.join("lock"))
    }

    /// Locks by a file of any name, which is made if need be and stays.
    ///
    /// # Errors
    /// As [`FolderLock::acquire`].
    pub fn acquire_file(path: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(OWNER_ONLY);
        let mut file = options.open(path).map_err(Error::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {
                // The number is for a message alone: a full disk must not keep the folder from being opened.
                let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(LockError::Taken { owner: owner(file) }),
            Err(TryLockError::Error(source)) => Err(Error::io("lock", path)(source).into()),
        }
    }
}

fn owner(mut file: File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_and_hears_who_was_first() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new");
        let held = FolderLock::acquire(&folder).unwrap();
        let Err(LockError::Taken { owner }) = FolderLock::acquire(&folder) else { panic!("locked twice") };
        assert_eq!(owner, Some(std::process::id()));
        drop(held);
        FolderLock::acquire(&folder).unwrap();
    }
}
