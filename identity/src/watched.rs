//! What is loaded from files and loaded again when they change. A bad file never replaces a good set.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use weir_sample::Reading;

use crate::Error;

/// Something that a set of files describes.
pub(crate) trait Source {
    type Loaded;

    /// The word for this set in telemetry.
    const WHAT: &'static str;

    /// The files that make it up now.
    fn files(&self) -> Vec<PathBuf>;

    /// Reads and checks them all.
    fn load(&self) -> Result<Self::Loaded, Error>;
}

/// The set in force. Readers take an `Arc` and never wait for a reload.
pub(crate) struct Watched<S: Source> {
    source: S,
    current: RwLock<Arc<S::Loaded>>,
    looked: Mutex<Looked>,
    generation: AtomicU64,
    failures: AtomicU64,
}

/// What the last looks found.
struct Looked {
    last: Vec<Seen>,
    /// Files that the set in force was read from.
    in_force: Vec<PathBuf>,
}

/// A file and what told its last state apart from others; `None` if it was not there.
type Seen = (PathBuf, Option<Stamp>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl<S: Source> Watched<S> {
    pub(crate) fn open(source: S) -> Result<Self, Error> {
        let last = look(&source);
        let current = RwLock::new(Arc::new(source.load()?));
        let looked = Mutex::new(Looked { in_force: present(&last), last });
        Ok(Self { source, current, looked, generation: AtomicU64::new(1), failures: AtomicU64::new(0) })
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    pub(crate) fn current(&self) -> Arc<S::Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Grows with each set that came into force, so that caches of what derives from it know when to forget.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Acquire)
    }

    /// Loads the files again, changed or not.
    pub(crate) fn reload(&self) -> Result<(), Error> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.last = look(&self.source);
        self.take(&mut looked)
    }

    /// Loads the files again if one has changed since the last look; `true` if a new set is in force.
    pub(crate) fn reload_if_changed(&self) -> Result<bool, Error> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = look(&self.source);
        if looked.last == now {
            return Ok(false);
        }
        looked.last = now;
        self.take(&mut looked).map(|()| true)
    }

    /// The look came before this load: a file that changes in between is seen as changed next time.
    fn take(&self, looked: &mut Looked) -> Result<(), Error> {
        let loaded = match vanished(looked) {
            Some(path) => Err(Error::content(path, "the file is gone; what it said stays in force")),
            None => self.source.load(),
        };
        let loaded = loaded.inspect_err(|_| {
            self.failures.fetch_add(1, Relaxed);
        })?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        looked.in_force = present(&looked.last);
        self.generation.fetch_add(1, Release);
        Ok(())
    }

    pub(crate) fn readings(&self) -> [Reading; 2] {
        let set = [("set", S::WHAT)];
        let generation = self.generation().saturating_sub(1);
        [
            Reading::counter("weir_identity_reloads_total", &set, generation, RELOADS_HELP),
            Reading::counter("weir_identity_reload_failures_total", &set, self.failures.load(Relaxed), FAILURES_HELP),
        ]
    }
}

fn look(source: &impl Source) -> Vec<Seen> {
    source.files().into_iter().map(|path| (path.clone(), stamp(&path))).collect()
}

/// Follows links, so that a folder of links that is switched as a whole counts as changed.
fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(Stamp {
        file: (found.dev(), found.ino()),
        size: found.size(),
        written: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

fn present(seen: &[Seen]) -> Vec<PathBuf> {
    seen.iter().filter(|(_, stamp)| stamp.is_some()).map(|(path, _)| path.clone()).collect()
}

/// A file that is still asked for, is in force and is not there: most likely a mistake, or one moment of a careless
/// update.
fn vanished(looked: &Looked) -> Option<&Path> {
    let gone = |seen: &&Seen| seen.1.is_none() && looked.in_force.contains(&seen.0);
    looked.last.iter().find(gone).map(|(path, _)| path.as_path())
}

const RELOADS_HELP: &str = "Times a changed file of keys or agents came into force.";
const FAILURES_HELP: &str =
    "Times a changed file was refused and the old set kept. See the log line for the file and its mend.";
