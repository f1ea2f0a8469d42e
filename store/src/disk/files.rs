//! What must be true of every file: it is whole under its name, or its name does not exist.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::Error;

/// Writes a file under a temporary name, makes it durable, then gives it its name.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<(), Error> {
    let temporary = path.with_extension("tmp");
    let mut file = create(&temporary)?;
    fault::check().and_then(|()| write(&mut file)).map_err(Error::io("write", &temporary))?;
    publish(&file, &temporary, path)
}

/// Makes an empty file.
pub(crate) fn create(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    fault::check().and_then(|()| options.open(path)).map_err(Error::io("create", path))
}

/// Writes at the end of a file that only one writer has.
pub(crate) fn write_all(file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fault::check_write(bytes, |bytes| file.write_all(bytes)).map_err(Error::io("write", path))
}

/// Writes at a place in a file.
pub(crate) fn write_at(file: &File, path: &Path, bytes: &[u8], at: u64) -> Result<(), Error> {
    fault::check_write(bytes, |bytes| file.write_all_at(bytes, at)).map_err(Error::io("write", path))
}

/// Makes what was written to a file durable.
pub(crate) fn sync(file: &File, path: &Path) -> Result<(), Error> {
    fault::check().and_then(|()| file.sync_data()).map_err(Error::io("sync", path))
}

/// Makes a file durable and gives it its name.
pub(crate) fn publish(file: &File, temporary: &Path, path: &Path) -> Result<(), Error> {
    sync(file, temporary)?;
    fault::check().and_then(|()| fs::rename(temporary, path)).map_err(Error::io("rename", temporary))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    fault::check().and_then(|()| File::open(folder)).and_then(|file| file.sync_all()).map_err(Error::io("sync", folder))
}

/// The bytes of a file, or `None` if there is none.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes).map_err(Error::io("read", path)).map(|_| Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open", path)(error)),
    }
}

/// Makes a folder and makes its name durable.
pub(crate) fn create_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// Removes a file; one that is gone already is as good.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fault::check().and_then(|()| fs::remove_file(path)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Names of the files in a folder.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

/// Where tests let the disk fail.
#[cfg(not(test))]
mod fault {
    use std::io::Result;

    pub(super) const fn check() -> Result<()> {
        Ok(())
    }

    pub(super) fn check_write(bytes: &[u8], write: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
        write(bytes)
    }
}

/// Lets every operation of this thread's disk fail after a number of good ones: what a crash there leaves behind.
#[cfg(test)]
pub(crate) mod fault {
    use std::cell::Cell;
    use std::io::{Error, ErrorKind, Result};

    thread_local! {
        static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// From here on, so many operations succeed; `None` for all.
    pub(crate) fn fail_after(operations: Option<u64>) {
        LEFT.set(operations);
    }

    pub(crate) fn check() -> Result<()> {
        match LEFT.get() {
            None => Ok(()),
            Some(0) => Err(Error::from(ErrorKind::StorageFull)),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
        }
    }

    /// A write that fails leaves half of its bytes behind.
    pub(super) fn check_write(bytes: &[u8], write: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
        match check() {
            Ok(()) => write(bytes),
            Err(error) if LEFT.get() == Some(0) => {
                let _ = write(&bytes[..bytes.len() / 2]);
                Err(error)
            }
            Err(error) => Err(error),
        }
    }
}
