//! Folders and the names in them.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::process::geteuid;

use crate::change::Change;
use crate::modes::OWNER_ENTERS;
use crate::{Error, perform};

const STICKY: u32 = 0o1000;

/// Makes a folder that only its owner may enter, and whichever above it are missing, and makes their names durable.
///
/// # Errors
/// What the file system says; so it is with every function here.
pub fn create_folder(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    above.map_or(Ok(()), create_folder)?;
    match make(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists || !folder.is_dir() => {
            return Err(Error::io("create", folder)(error));
        }
        _ => {}
    }
    sync_folder(above.unwrap_or(Path::new(".")))
}

/// Makes a folder that only its owner may enter, or keeps others out of one that is there: files in it may be from a version
/// that let them in. A folder of somebody else's, or one that is for all like `/tmp`, stays as it is.
///
/// # Errors
/// What the file system says.
pub fn own_folder(folder: &Path) -> Result<(), Error> {
    create_folder(folder)?;
    let meta = fs::metadata(folder).map_err(Error::io("look at", folder))?;
    let open = meta.mode() & 0o077 != 0 && meta.mode() & STICKY == 0;
    if open && meta.uid() == geteuid().as_raw() {
        // A disk that may only be read has nothing to lose by it; whoever writes hears of it.
        let _ = fs::set_permissions(folder, Permissions::from_mode(OWNER_ENTERS));
    }
    Ok(())
}

/// Makes a folder that only its owner may enter and that must not be there yet.
///
/// # Errors
/// `AlreadyExists` if it is.
pub fn create_new_folder(folder: &Path) -> Result<(), Error> {
    make(folder).map_err(Error::io("create", folder))
}

fn make(folder: &Path) -> io::Result<()> {
    perform::change(folder, Change::FolderMade, || DirBuilder::new().mode(OWNER_ENTERS).create(folder))
}

/// Makes the names in a folder durable, and that others are gone from it.
///
/// # Errors
/// What the file system says.
pub fn sync_folder(folder: &Path) -> Result<(), Error> {
    let sync = || File::open(folder).and_then(|file| file.sync_all());
    perform::change(folder, Change::FolderSynced, sync).map_err(Error::io("sync", folder))
}

/// Bytes that this process may still write to the disk of a folder.
///
/// # Errors
/// What the file system says.
pub fn free_bytes(folder: &Path) -> Result<u64, Error> {
    let disk = rustix::fs::statvfs(folder).map_err(|error| Error::io("look at the disk of", folder)(error.into()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Gives a file another name, in place of whatever has it. Durable after [`sync_folder`].
///
/// # Errors
/// What the file system says.
pub fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    perform::change(from, Change::Renamed(to), || fs::rename(from, to)).map_err(Error::io("rename", from))
}

/// Removes a file; one that is gone already is as good. Durable after [`sync_folder`].
///
/// # Errors
/// What the file system says.
pub fn remove(path: &Path) -> Result<(), Error> {
    removed(path, perform::change(path, Change::Removed, || fs::remove_file(path)))
}

/// Removes a folder and all in it; one that is gone already is as good. Durable after [`sync_folder`] of the one above.
///
/// # Errors
/// What the file system says; part of what is in it may be gone.
pub fn remove_folder(folder: &Path) -> Result<(), Error> {
    removed(folder, perform::change(folder, Change::Removed, || fs::remove_dir_all(folder)))
}

fn removed(path: &Path, outcome: io::Result<()>) -> Result<(), Error> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Names of what is in a folder; those that are no text are left out.
///
/// # Errors
/// What the file system says.
pub fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}
