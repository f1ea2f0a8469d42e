//! One writer per log: an exclusive file lock, and in the locked file the number of the next segment.
//!
//! The number outlives the segments, so a position stays unique even after every segment was consumed and deleted.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::segment;
use crate::Error;

/// Held while a log is open for appending; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: File,
    path: PathBuf,
}

impl WriterLock {
    /// Creates the log's folder if need be and locks it. Also returns the first segment number that was never used.
    pub(crate) fn acquire(log: &Path) -> Result<(Self, u64), Error> {
        let path = log.join("lock");
        let file = lock_patiently(log, &path)?;
        // The names of a new log and a new root must be as durable as what will be written under them.
        for folder in log.ancestors().skip(1).take(2).filter(|folder| !folder.as_os_str().is_empty()) {
            weir_files::sync_folder(folder)?;
        }
        let mut bytes = [0; 8];
        let filled = segment::read_up_to(&file, &mut bytes, 0).map_err(Error::io("read", &path))?;
        let kept = (filled == 8).then(|| u64::from_le_bytes(bytes));
        let after_newest = segment::list(log)?.last().map(|number| number + 1);
        let next = kept.max(after_newest).unwrap_or_else(fresh_number);
        Ok((Self { file, path }, next))
    }

    /// Locks a log that nobody appends to, without opening it; `None` if somebody does, or if it is only being made.
    pub(crate) fn take_over(log: &Path) -> Result<Option<Self>, Error> {
        let path = log.join("lock");
        let file = match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(Error::io("open", &path))?,
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file, path })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(Error::io("lock", path)(source)),
        }
    }

    /// Notes that numbers below `next` are used. Must come before the segment is created.
    pub(crate) fn reserve(&self, next: u64) -> Result<(), Error> {
        weir_files::write_at(&self.file, &self.path, &next.to_le_bytes(), 0)?;
        Ok(weir_files::sync(&self.file, &self.path)?)
    }
}

/// A consumer that removes a dead log holds the lock for a moment, and then the locked file is no longer the one at
/// `path`: only a lock on the file that is there counts.
fn lock_patiently(log: &Path, path: &Path) -> Result<File, Error> {
    for _ in 0..TRIES {
        weir_files::own_folder(log)?;
        let file = match weir_files::open_or_create(path) {
            Err(e) if e.source.kind() == io::ErrorKind::NotFound => continue,
            open => open?,
        };
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(source)) => {
                return Err(Error::io("lock", path)(source));
            }
        }
    }
    Err(Error::InUse(log.to_owned()))
}

const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(10);

fn is_at(file: &File, path: &Path) -> bool {
    let here = file.metadata().map(|meta| (meta.dev(), meta.ino()));
    let there = fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
    matches!((here, there), (Ok(here), Ok(there)) if here == there)
}

/// If somebody deletes a whole log folder and the writer's name comes back, its positions must still be new to the
/// consumers that remember the old ones: start where no earlier log can have come to.
fn fresh_number() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_millis() as u64)
}
