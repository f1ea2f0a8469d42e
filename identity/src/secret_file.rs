//! Files that only their owner may read: read with a check of the mode, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::Error;

/// The file's text, if nobody but its owner may read or write it.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mode = file.metadata().map_err(Error::io("look at", path))?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::Mode { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(Error::io("read", path))?;
    Ok(text)
}

/// Writes a file with mode 0600 that must not exist yet; of several writers one wins and the others see `AlreadyExists`.
pub fn create_secret_file(path: &Path, text: &str) -> Result<(), Error> {
    let draft = Draft::write(path, text)?;
    fs::hard_link(&draft.0, path).map_err(Error::io("create", path))?;
    drop(draft);
    sync_folder(path)
}

/// Replaces a file in one step, with mode 0600: readers see the old text or the new one.
pub fn replace_secret_file(path: &Path, text: &str) -> Result<(), Error> {
    let draft = Draft::write(path, text)?;
    fs::rename(&draft.0, path).map_err(Error::io("replace", path))?;
    sync_folder(path)
}

/// Holds the file itself locked; waits for others who do. Tries again if the file was replaced while waiting.
pub(crate) fn lock(path: &Path) -> Result<File, Error> {
    loop {
        let file = File::open(path).map_err(Error::io("open", path))?;
        file.lock().map_err(Error::io("lock", path))?;
        let held = file.metadata().map_err(Error::io("look at", path))?;
        let there = fs::metadata(path).map_err(Error::io("look at", path))?;
        if (held.dev(), held.ino()) == (there.dev(), there.ino()) {
            return Ok(file);
        }
    }
}

/// A synced file next to its goal; removed unless it was renamed away.
struct Draft(PathBuf);

impl Draft {
    fn write(goal: &Path, text: &str) -> Result<Self, Error> {
        let name = goal.file_name().ok_or_else(|| no_file_name(goal))?.to_string_lossy();
        let draft = Self(goal.with_file_name(format!(".{name}.{:016x}", u64::from_ne_bytes(random()?))));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft.0)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(Error::io("write", goal))?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.0);
    }
}

fn no_file_name(path: &Path) -> Error {
    Error::content(path, "this path names no file")
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}

/// Bytes from the system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let system = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&system, &mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_its_owner_may_read_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create_secret_file(&path, "s").unwrap();
        assert_eq!(read(&path).unwrap(), "s");
        for open in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("chmod 600") && error.contains(&format!("{open:03o}")), "{error}");
        }
    }

    #[test]
    fn the_first_creator_wins_and_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create_secret_file(&path, "first").unwrap();
        let Err(Error::Io { source, .. }) = create_secret_file(&path, "second") else { panic!("created twice") };
        assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
        replace_secret_file(&path, "third").unwrap();
        assert_eq!(read(&path).unwrap(), "third");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
