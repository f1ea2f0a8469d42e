//! One writer per log: an exclusive file lock, and in the locked file the number of the next segment.
//!
//! The number outlives the segments, so a position stays unique even after every segment was consumed and deleted.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{Error, segment};

/// Held while a log is open for appending; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: File,
    path: PathBuf,
}

impl WriterLock {
    /// Locks a log's folder. Also returns the first segment number that was never used.
    pub(crate) fn acquire(log: &Path) -> Result<(Self, u64), Error> {
        let path = log.join("lock");
        let mut options = OpenOptions::new();
        let open = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(log.to_owned())),
            Err(TryLockError::Error(source)) => return Err(Error::Io { action: "lock", path, source }),
        }
        let mut bytes = [0; 8];
        let filled = segment::read_up_to(&file, &mut bytes, 0).map_err(Error::io("read", &path))?;
        let kept = (filled == 8).then(|| u64::from_le_bytes(bytes));
        let after_newest = segment::list(log)?.last().map(|number| number + 1);
        let next = kept.max(after_newest).unwrap_or_else(fresh_number);
        Ok((Self { file, path }, next))
    }

    /// Notes that numbers below `next` are used. Must come before the segment is created.
    pub(crate) fn reserve(&self, next: u64) -> Result<(), Error> {
        self.file.write_all_at(&next.to_le_bytes(), 0).map_err(Error::io("write", &self.path))?;
        self.file.sync_data().map_err(Error::io("sync", &self.path))
    }
}

/// If somebody deletes a whole log folder and the writer's name comes back, its positions must still be new to the
/// consumers that remember the old ones: start where no earlier log can have come to.
fn fresh_number() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_millis() as u64)
}
