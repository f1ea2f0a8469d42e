//! Who still needs which segments: a file per consumer under `.consumers`, each holding a checkpoint.
//!
//! The file is written over in place, which takes no room on a full disk: only what a consumer has passed can be deleted
//! there. What a crash leaves torn counts as not having read anything, until its consumer, which knows its place by
//! itself, comes back.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use weir_files::{FolderLock, LockError};

use super::{lock::WriterLock, reserve, segment};
use crate::{Checkpoint, Error, Position, error::check_name};

const FOLDER: &str = ".consumers";

/// Makes `consumer` known, so that nothing from `checkpoint` on is deleted without it. Whoever holds the lock is the only
/// one who reads for it.
pub(crate) fn register(root: &Path, consumer: &str, checkpoint: &Checkpoint) -> Result<FolderLock, Error> {
    check_name(consumer)?;
    let folder = root.join(FOLDER);
    let lock = reserve::draw(root, || {
        weir_files::create_folder(&folder)?;
        own(root, consumer)
    })?;
    record(root, consumer, checkpoint)?;
    weir_files::sync_folder(&folder)?;
    Ok(lock)
}

/// Writes over what is known of `consumer`.
pub(crate) fn record(root: &Path, consumer: &str, checkpoint: &Checkpoint) -> Result<(), Error> {
    let (path, bytes) = (file_of(root, consumer), checkpoint.encode());
    reserve::draw(root, || {
        let file = weir_files::open_or_create(&path)?;
        weir_files::write_at(&file, &path, &bytes, 0)?;
        Ok(weir_files::cut(&file, &path, bytes.len() as u64)?)
    })
}

/// Tells the place that `consumer` has come to. It is for whoever wants to know, and need not survive a crash.
pub(crate) fn tell_place(root: &Path, consumer: &str, place: &Checkpoint) -> Result<(), Error> {
    let (path, bytes) = (place_of(root, consumer), place.encode());
    let file = weir_files::open_or_create(&path)?;
    file.write_all_at(&bytes, 0).and_then(|()| file.set_len(bytes.len() as u64)).map_err(Error::io("write", &path))
}

/// The file that tells a consumer's place.
pub(crate) fn place_of(root: &Path, consumer: &str) -> PathBuf {
    root.join(FOLDER).join(format!(".{consumer}.place"))
}

/// Locks a consumer by a file beside its own.
fn own(root: &Path, consumer: &str) -> Result<FolderLock, Error> {
    FolderLock::acquire_file(&root.join(FOLDER).join(format!(".{consumer}.lock"))).map_err(|error| match error {
        LockError::Taken { owner } => Error::ConsumerInUse { root: root.to_owned(), consumer: consumer.into(), owner },
        LockError::Io(error) => error.into(),
    })
}

/// Forgets a consumer that will not come back, so that it no longer keeps segments from being deleted.
///
/// # Errors
/// [`Error::ConsumerInUse`] if somebody reads for it, [`Error::Io`] if its file cannot be removed; an unknown consumer is
/// no error.
pub fn retire(root: &Path, consumer: &str) -> Result<(), Error> {
    check_name(consumer)?;
    if !root.join(FOLDER).is_dir() {
        return Ok(());
    }
    let _lock = own(root, consumer)?;
    Ok(weir_files::remove(&file_of(root, consumer))?)
}

/// Deletes the segments of `writer` that every consumer has passed, but never the newest. Returns how many.
pub(crate) fn delete_passed(root: &Path, writer: &str, consumers: &[Checkpoint]) -> Result<u64, Error> {
    let position = |checkpoint: &Checkpoint| checkpoint.position(writer).unwrap_or_default();
    let passed = consumers.iter().map(position).min().unwrap_or(Position::default());
    let log = root.join(writer);
    let mut numbers = segment::list(&log)?;
    numbers.pop();
    let mut deleted = 0;
    for number in numbers.into_iter().take_while(|number| *number < passed.segment) {
        weir_files::remove(&segment::path_of(&log, number))?;
        deleted += 1;
    }
    Ok(deleted)
}

/// Removes the log of `writer` if no process appends to it and every consumer has read all of it. Gateways come and go
/// under new names; without this their empty logs would pile up. Returns whether it was removed.
pub(crate) fn remove_dead(root: &Path, writer: &str, consumers: &[Checkpoint]) -> Result<bool, Error> {
    let log = root.join(writer);
    let Some(_lock) = WriterLock::take_over(&log)? else { return Ok(false) };
    let end = match segment::list(&log)?.last() {
        Some(&newest) => {
            segment::cut_torn_tail(&log, newest)?;
            let path = segment::path_of(&log, newest);
            let offset = path.metadata().map_err(Error::io("look at", &path))?.len();
            Position { segment: newest, offset }
        }
        None => Position::default(),
    };
    let passed = |checkpoint: &Checkpoint| checkpoint.position(writer).unwrap_or_default() >= end;
    if !consumers.iter().all(passed) {
        return Ok(false);
    }
    weir_files::remove_folder(&log)?;
    // Were it back after a crash, those who have read it would not know it any more, and read it again.
    weir_files::sync_folder(root)?;
    Ok(true)
}

/// Every known consumer's checkpoint. A damaged one counts as not having read anything: it keeps all segments.
pub(crate) fn all(root: &Path) -> Result<Vec<Checkpoint>, Error> {
    let folder = root.join(FOLDER);
    let mut checkpoints = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
        let path = entry.map_err(Error::io("list", &folder))?.path();
        if path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")) {
            let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
            checkpoints.push(Checkpoint::decode(&bytes).unwrap_or_default());
        }
    }
    Ok(checkpoints)
}

fn file_of(root: &Path, consumer: &str) -> PathBuf {
    root.join(FOLDER).join(consumer)
}
