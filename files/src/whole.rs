//! Files that are written whole: under another name first, synced, and only then given their own.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::change::Change;
use crate::{Error, append, create, open, perform, remove, rename, sync, sync_folder};

/// Writes a file under a temporary name, makes it durable, then gives it its name. The temporary name ends in `.tmp` in
/// place of the file's own ending: one writer at a time, and a crash leaves at most one such file.
///
/// # Errors
/// What the file system says. A file that was there stays as it was.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Error> {
    let temporary = path.with_extension("tmp");
    let mut file = create(&temporary)?;
    perform::change(&temporary, Change::Written, || write(&mut file)).map_err(Error::io("write", &temporary))?;
    publish(&file, &temporary, path)
}

/// Makes a file durable and gives it its name.
///
/// # Errors
/// What the file system says. A file that had the name stays as it was, unless only the sync of the folder failed.
pub fn publish(file: &File, temporary: &Path, path: &Path) -> Result<(), Error> {
    sync(file, temporary)?;
    rename(temporary, path)?;
    sync_folder(folder_of(path))
}

/// Replaces a file in one step, with exactly this mode: readers see the old bytes or the new ones. Several may do so at once.
///
/// # Errors
/// What the file system says.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let draft = Draft::write(path, bytes, mode)?;
    rename(&draft.0, path)?;
    sync_folder(folder_of(path))
}

/// Writes a file, with exactly this mode, that must not exist yet; of several writers one wins.
///
/// # Errors
/// `AlreadyExists` for the others.
pub fn create_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let draft = Draft::write(path, bytes, mode)?;
    perform::change(&draft.0, Change::Linked(path), || fs::hard_link(&draft.0, path))
        .map_err(Error::io("create", path))?;
    drop(draft);
    sync_folder(folder_of(path))
}

/// A synced file next to its goal; removed unless it was renamed away.
struct Draft(PathBuf);

impl Draft {
    fn write(goal: &Path, bytes: &[u8], mode: u32) -> Result<Self, Error> {
        let no_name = || Error::io("write", goal)(io::Error::from(io::ErrorKind::InvalidFilename));
        let name = goal.file_name().ok_or_else(no_name)?.to_string_lossy();
        // Process ids do not serve: each container has its own first one.
        let number = RandomState::new().hash_one(std::process::id());
        let path = goal.with_file_name(format!(".{name}.{number:016x}"));
        let mut file = open::open(&path, OpenOptions::new().write(true).create_new(true))?;
        let draft = Self(path);
        // Not by opening with it: what the umask takes away, such as a certificate's for others, must be there too.
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(Error::io("set the mode of", &draft.0))?;
        append(&mut file, &draft.0, bytes)?;
        sync(&file, &draft.0)?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove, and what cannot be removed is never read.
        let _ = remove(&self.0);
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names = crate::names(folder).unwrap();
        names.sort();
        names
    }

    #[test]
    fn a_replaced_file_has_its_mode_and_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for text in [b"first".as_slice(), b"second"] {
            replace(&path, text, 0o600).unwrap();
            assert_eq!(fs::read(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
            assert_eq!(names(folder.path()), ["secret"]);
        }
    }

    #[test]
    fn the_first_creator_wins_and_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create_whole(&path, b"first", 0o600).unwrap();
        let second = create_whole(&path, b"second", 0o600).unwrap_err();
        assert_eq!(second.source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (b"first".to_vec(), vec!["secret".to_owned()]));
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.bin");
        write_whole(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_whole(&path, |_| Err(io::Error::other("no"))).unwrap_err().to_string();
        assert!(failed.starts_with("cannot write ") && failed.ends_with("state.tmp: no"), "{failed}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
