//! A copy of a store as of its last checkpoint, made beside the process that owns the store.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::Error;
use crate::disk::blocks::BLOCKS;
use crate::disk::checkpoint::Checkpoint;
use crate::disk::slab::slab_name;
use crate::head;

/// Times a reader starts over because the owner's next checkpoint removed a file under its hands.
const ATTEMPTS: usize = 5;

/// Copies the store as of its last checkpoint to a folder that must not exist yet. Files that never change are linked,
/// so both must be on one file system.
///
/// # Errors
/// What the file system says.
pub fn snapshot(folder: &Path, target: &Path) -> Result<(), Error> {
    weir_files::create_new_folder(target)?;
    let outcome = retry(|| snapshot_once(folder, target));
    if outcome.is_err() {
        // What is there is no store; the first error is the one to tell.
        let _ = fs::remove_dir_all(target);
    }
    outcome
}

/// Reads files that the owner may be removing.
pub(super) fn retry<T>(mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        match attempt() {
            Err(Error::Io { source, .. }) if left > 0 && source.kind() == ErrorKind::NotFound => {}
            outcome => return outcome,
        }
    }
}

fn snapshot_once(folder: &Path, target: &Path) -> Result<(), Error> {
    let path = folder.join("checkpoint");
    let Some(bytes) = weir_files::read_if_there(&path)? else {
        return Err(Error::io("open", &path)(ErrorKind::NotFound.into()));
    };
    let checkpoint = Checkpoint::parse(&path, &bytes)?;
    for part in ["head", "slabs", BLOCKS] {
        let folder = target.join(part);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Error::io("empty", &folder))?;
        }
        weir_files::create_folder(&folder)?;
    }
    if checkpoint.head > 0 {
        link(&head::file::path(folder, checkpoint.head), &head::file::path(target, checkpoint.head))?;
    }
    for block in &checkpoint.blocks {
        link(&folder.join(BLOCKS).join(block), &target.join(BLOCKS).join(block))?;
    }
    for &(window, number, length) in &checkpoint.windows {
        let name = slab_name(window, number);
        copy(&folder.join("slabs").join(&name), &target.join("slabs").join(&name), length)?;
    }
    ["head", "slabs", BLOCKS].iter().try_for_each(|part| weir_files::sync_folder(&target.join(part)))?;
    Ok(weir_files::write_whole(&target.join("checkpoint"), |file| std::io::Write::write_all(file, &bytes))?)
}

fn link(from: &Path, to: &Path) -> Result<(), Error> {
    fs::hard_link(from, to).map_err(Error::io("link", from))
}

/// Slab files still grow, and an owner cuts them when it opens the store: they are copied.
fn copy(from: &Path, to: &Path, length: u64) -> Result<(), Error> {
    let source = File::open(from).map_err(Error::io("open", from))?;
    let mut copy = weir_files::create(to)?;
    std::io::copy(&mut source.take(length), &mut copy).map_err(Error::io("copy", from))?;
    Ok(weir_files::sync(&copy, to)?)
}
