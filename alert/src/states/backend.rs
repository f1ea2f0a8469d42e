//! The state file under redb: on disk, reached through `files/` as all that lasts is, or kept elsewhere.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::StorageBackend;

/// Where a state file is.
#[derive(Clone, Debug)]
pub enum StateFile {
    /// On this host's disk.
    Disk(PathBuf),
    /// Where somebody else keeps it, so that another process can go on with it.
    Kept(Arc<dyn Kept>),
}

/// Bytes of a file that somebody else keeps.
pub trait Kept: Debug + Send + Sync {
    /// What it is called.
    fn name(&self) -> &str;
    /// How long it is.
    fn length(&self) -> u64;
    /// Fills `out`; false if the file ends before that.
    fn read(&self, offset: u64, out: &mut [u8]) -> bool;
    /// Changes it, longer if need be.
    fn write(&self, offset: u64, data: &[u8]);
    /// Cuts it, or adds zeros.
    fn set_length(&self, length: u64);
    /// Returns when what was written is safe.
    ///
    /// # Errors
    /// It is not.
    fn sync(&self) -> Result<(), io::Error>;
}

impl StateFile {
    /// Its path, or what it is called.
    pub fn path(&self) -> &Path {
        match self {
            Self::Disk(path) => path,
            Self::Kept(kept) => Path::new(kept.name()),
        }
    }
}

impl<P: Into<PathBuf>> From<P> for StateFile {
    fn from(path: P) -> Self {
        Self::Disk(path.into())
    }
}

#[derive(Debug)]
pub(crate) enum Backend {
    Disk { file: File, path: PathBuf },
    Kept(Arc<dyn Kept>),
}

impl Backend {
    pub(crate) fn open(file: &StateFile) -> Result<Self, weir_files::Error> {
        let path = match file {
            StateFile::Disk(path) => path,
            StateFile::Kept(kept) => return Ok(Self::Kept(kept.clone())),
        };
        let is_new = !path.exists();
        let file = weir_files::open_or_create(path)?;
        // Two writers would tear it: whoever comes second is told.
        file.try_lock().map_err(|error| weir_files::Error::io("lock", path)(error.into()))?;
        if is_new {
            weir_files::sync_folder(path.parent().unwrap_or(Path::new(".")))?;
        }
        Ok(Self::Disk { file, path: path.clone() })
    }
}

fn io_error(error: weir_files::Error) -> io::Error {
    io::Error::new(error.source.kind(), error.to_string())
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, io::Error> {
        match self {
            Self::Disk { file, .. } => Ok(file.metadata()?.len()),
            Self::Kept(kept) => Ok(kept.length()),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        match self {
            Self::Disk { file, .. } => file.read_exact_at(out, offset),
            Self::Kept(kept) if kept.read(offset, out) => Ok(()),
            Self::Kept(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        match self {
            Self::Disk { file, path } => weir_files::cut(file, path, length).map_err(io_error),
            Self::Kept(kept) => {
                kept.set_length(length);
                Ok(())
            }
        }
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        match self {
            Self::Disk { file, path } => weir_files::sync(file, path).map_err(io_error),
            Self::Kept(kept) => kept.sync(),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        match self {
            Self::Disk { file, path } => weir_files::write_at(file, path, data, offset).map_err(io_error),
            Self::Kept(kept) => {
                kept.write(offset, data);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;
    use crate::states::{Commit, GroupRecord, StateStore};

    /// Keeps what is written and, apart from it, what was synced.
    #[derive(Debug, Default)]
    struct Twice {
        written: Mutex<Vec<u8>>,
        synced: Mutex<Vec<u8>>,
        fails: AtomicBool,
    }

    impl Kept for Twice {
        fn name(&self) -> &str {
            "states"
        }

        fn length(&self) -> u64 {
            self.written.lock().unwrap().len() as u64
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> bool {
            let bytes = self.written.lock().unwrap();
            let found = bytes.get(offset as usize..offset as usize + out.len());
            found.map(|found| out.copy_from_slice(found)).is_some()
        }

        fn write(&self, offset: u64, data: &[u8]) {
            self.written.lock().unwrap()[offset as usize..][..data.len()].copy_from_slice(data);
        }

        fn set_length(&self, length: u64) {
            self.written.lock().unwrap().resize(length as usize, 0);
        }

        fn sync(&self) -> Result<(), io::Error> {
            if self.fails.load(Relaxed) {
                return Err(io::Error::other("another leads"));
            }
            *self.synced.lock().unwrap() = self.written.lock().unwrap().clone();
            Ok(())
        }
    }

    fn commit(group: &str) -> Commit {
        Commit { group: group.into(), record: Some(GroupRecord::default()), ..Commit::default() }
    }

    #[test]
    fn whoever_goes_on_with_a_kept_file_has_what_was_synced_and_no_more() {
        let kept = Arc::new(Twice::default());
        let (mut store, aside) = StateStore::open(StateFile::Kept(kept.clone())).unwrap();
        assert_eq!(aside, None);
        store.commit(&[&commit("one")]).unwrap();
        let synced = kept.synced.lock().unwrap().clone();
        kept.fails.store(true, Relaxed);
        store.commit(&[&commit("two")]).unwrap_err();
        let next = Arc::new(Twice { written: Mutex::new(synced), ..Twice::default() });
        let mut next = StateStore::open(StateFile::Kept(next)).unwrap().0;
        assert_eq!(next.groups().unwrap().into_keys().collect::<Vec<_>>(), ["one"]);
        // The first may go on if it can write again.
        kept.fails.store(false, Relaxed);
        store.commit(&[&commit("three")]).unwrap();
        assert!(store.groups().unwrap().contains_key("three"));
    }

    #[test]
    fn a_kept_file_that_is_damaged_is_begun_anew() {
        let kept = Twice { written: Mutex::new(vec![7; 50_000]), ..Twice::default() };
        let (mut store, aside) = StateStore::open(StateFile::Kept(Arc::new(kept))).unwrap();
        assert!(aside.is_some() && store.groups().unwrap().is_empty());
        store.commit(&[&commit("one")]).unwrap();
    }
}
