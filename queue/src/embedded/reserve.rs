//! Bytes kept back on a queue's disk, to be given up when it is full: a consumer must be able to say how far it is before
//! anything can be deleted, and a log to begin a segment, because its newest is never deleted.

use std::{io::ErrorKind, path::Path};

use crate::Error;

/// Enough for a few small files, on any file system.
const BYTES: usize = 256 << 10;
const NAME: &str = ".reserve";

/// Puts the reserve back, if it was given up and there is room. Where there is none it is missing, and no more.
pub(crate) fn keep(folder: &Path) {
    let path = folder.join(NAME);
    if path.exists() {
        return;
    }
    // Numbers, not zeros: some file systems keep no room for those.
    let bytes: Vec<u8> = (0..BYTES / 8).flat_map(|at| (at as u64 + 1).to_le_bytes()).collect();
    let kept = weir_files::create_new(&path).and_then(|mut file| {
        weir_files::append(&mut file, &path, &bytes).and_then(|()| weir_files::sync(&file, &path))
    });
    if kept.is_err() {
        // Half of it would stand for the whole.
        let _ = weir_files::remove(&path);
    }
}

/// Does something small, and once more with the room of the reserve if there was no other.
pub(crate) fn draw<T>(folder: &Path, mut act: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    match act() {
        Err(Error::Io(error)) if error.source.kind() == ErrorKind::StorageFull && folder.join(NAME).exists() => {
            tracing::warn!(folder = %folder.display(), "the queue's disk is full: a reserve is given up to go on");
            weir_files::remove(&folder.join(NAME))?;
            act()
        }
        outcome => outcome,
    }
}
