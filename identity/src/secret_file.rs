//! Files that only their owner may read: written whole or not at all, and locked while they change.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::Error;

/// Whoever owns it may read and write it, and nobody else.
const MODE: u32 = 0o600;

/// Writes a file with mode 0600 that must not exist yet; of several writers one wins and the others see `AlreadyExists`.
pub fn create_secret_file(path: &Path, text: &str) -> Result<(), Error> {
    Ok(weir_files::create_whole(path, text.as_bytes(), MODE)?)
}

/// Replaces a file in one step, with mode 0600: readers see the old text or the new one.
pub fn replace_secret_file(path: &Path, text: &str) -> Result<(), Error> {
    Ok(weir_files::replace(path, text.as_bytes(), MODE)?)
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

/// Bytes from the system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let system = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&system, &mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_first_creator_wins_and_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create_secret_file(&path, "first").unwrap();
        let Err(Error::Io { source, .. }) = create_secret_file(&path, "second") else { panic!("created twice") };
        assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
        replace_secret_file(&path, "third").unwrap();
        assert_eq!(weir_files::read_secret(&path).unwrap(), "third");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
