//! Files that grow or change in place: opened, written, synced and cut.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::change::Change;
use crate::modes::OWNER_ONLY;
use crate::{Error, perform};

/// Makes an empty file that only its owner may read, as with every function here; what was there is gone.
///
/// # Errors
/// What the file system says; so it is with every function here.
pub fn create(path: &Path) -> Result<File, Error> {
    open(path, OpenOptions::new().read(true).write(true).create(true).truncate(true))
}

/// Makes an empty file that must not be there yet.
///
/// # Errors
/// `AlreadyExists` if it is.
pub fn create_new(path: &Path) -> Result<File, Error> {
    open(path, OpenOptions::new().read(true).write(true).create_new(true))
}

/// Opens a file for reading and writing, and makes it if it is not there.
///
/// # Errors
/// What the file system says.
pub fn open_or_create(path: &Path) -> Result<File, Error> {
    open(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))
}

pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    let options = options.mode(OWNER_ONLY);
    perform::change(path, Change::Opened, || options.open(path)).map_err(Error::io("create", path))
}

/// Writes at the end of a file that only one writer has.
///
/// # Errors
/// What the file system says; part of the bytes may have been written.
pub fn append(file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    perform::write(path, bytes, |bytes| file.write_all(bytes)).map_err(Error::io("write", path))
}

/// Writes at a place in a file.
///
/// # Errors
/// What the file system says; part of the bytes may have been written.
pub fn write_at(file: &File, path: &Path, bytes: &[u8], at: u64) -> Result<(), Error> {
    perform::write(path, bytes, |bytes| file.write_all_at(bytes, at)).map_err(Error::io("write", path))
}

/// Makes what was written to a file durable.
///
/// # Errors
/// What the file system says. What was written since the last sync may be lost then, even if a later one succeeds.
pub fn sync(file: &File, path: &Path) -> Result<(), Error> {
    perform::change(path, Change::Synced(file), || file.sync_data()).map_err(Error::io("sync", path))
}

/// Cuts a file to a length, durably.
///
/// # Errors
/// What the file system says.
pub fn cut(file: &File, path: &Path, length: u64) -> Result<(), Error> {
    perform::change(path, Change::Written, || file.set_len(length)).map_err(Error::io("cut", path))?;
    sync(file, path)
}
