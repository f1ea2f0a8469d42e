//! Disks that fail and crash, for tests.
//!
//! A [`Disk`] stands over one folder and all in it, whichever thread changes them, so tests beside each other do not
//! meet. It fails when told ([`Disk::fail_after`]), and knows what was made durable: [`Disk::crash`] takes back the rest.

mod image;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use crate::change::Change;
use image::Image;

/// Folders with a faulty disk.
static DISKS: RwLock<Vec<Arc<Shared>>> = RwLock::new(Vec::new());

/// The faulty disk under a folder, for as long as this lives.
#[derive(Debug)]
pub struct Disk(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    root: PathBuf,
    state: Mutex<State>,
    healed: Condvar,
}

#[derive(Debug)]
struct State {
    operations: u64,
    /// Operations that still succeed, and what the others meet.
    failing: Option<(u64, Fault)>,
    image: Image,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full (ENOSPC).
    NoSpace,
    /// The disk is broken (EIO).
    Broken,
    /// The disk does not answer: an operation waits until [`Disk::heal`], and is done then.
    Hang,
}

impl Disk {
    /// Stands under a folder; what is in it already counts as durable.
    ///
    /// # Panics
    /// If the folder cannot be read.
    pub fn under(root: &Path) -> Self {
        let state = State { operations: 0, failing: None, image: Image::of(root).expect("a readable folder") };
        let shared = Arc::new(Shared { root: root.to_owned(), state: Mutex::new(state), healed: Condvar::new() });
        DISKS.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&shared));
        Self(shared)
    }

    /// From here on so many operations succeed, and then each fails, or hangs, until [`Disk::heal`]. A write that fails leaves half
    /// of its bytes behind; what a failed sync should have saved is not saved by a later one either.
    pub fn fail_after(&self, operations: u64, fault: Fault) {
        self.0.lock().failing = Some((operations, fault));
    }

    /// Lets everything succeed again.
    pub fn heal(&self) {
        self.0.lock().failing = None;
        self.0.healed.notify_all();
    }

    /// Operations so far, failed ones included.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Loses power and comes back, healed: files hold what was synced, and names whose folder was not synced are as they
    /// were before. To be called when whoever had files open has gone, as with [`Disk::fail_after`] 0 before, so that
    /// nothing is saved on the way out.
    ///
    /// # Panics
    /// If the folder cannot be put back.
    pub fn crash(&self) {
        self.crash_keeping(0.0);
    }

    /// As [`Disk::crash`], but a part, from 0 to 1, of what was appended to each file and not synced had reached the disk.
    ///
    /// # Panics
    /// If the folder cannot be put back.
    pub fn crash_keeping(&self, part: f64) {
        let mut state = self.0.lock();
        state.failing = None;
        state.image.restore(&self.0.root, part).expect("a folder to put back");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        DISKS.write().unwrap_or_else(PoisonError::into_inner).retain(|disk| !Arc::ptr_eq(disk, &self.0));
    }
}

pub(crate) fn disk_of(path: &Path) -> Option<Arc<Shared>> {
    let disks = DISKS.read().unwrap_or_else(PoisonError::into_inner);
    disks.iter().find(|disk| path.starts_with(&disk.root)).map(Arc::clone)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while_hanging(&self) -> MutexGuard<'_, State> {
        let hangs = |state: &mut State| state.failing == Some((0, Fault::Hang));
        self.healed.wait_while(self.lock(), hangs).unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is asked for, unless it shall fail. One operation at a time, so that the image is of one instant.
    pub(crate) fn make<T>(
        &self,
        path: &Path,
        change: Change<'_>,
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.wait_while_hanging();
        if let Some(error) = state.next_failure() {
            if let Change::Synced(file) = change {
                state.image.lose_unsynced(path, file);
            }
            return Err(error);
        }
        if matches!(change, Change::Written) {
            // Whoever makes the bytes may wait for locks that others hold while they write. The image has no part in it.
            drop(state);
            return act();
        }
        let made = act()?;
        state.image.apply(path, change)?;
        Ok(made)
    }

    pub(crate) fn write(&self, path: &Path, bytes: &[u8], act: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.wait_while_hanging();
        let Some(error) = state.next_failure() else {
            act(bytes)?;
            return state.image.apply(path, Change::Written);
        };
        act(&bytes[..bytes.len() / 2])?;
        state.image.apply(path, Change::Written)?;
        Err(error)
    }
}

impl State {
    fn next_failure(&mut self) -> Option<io::Error> {
        self.operations += 1;
        match &mut self.failing {
            None => None,
            Some((0, fault)) => Some(fault.error()),
            Some((left, _)) => {
                *left -= 1;
                None
            }
        }
    }
}

impl Fault {
    fn error(self) -> io::Error {
        let code = match self {
            Self::NoSpace => 28,
            // One that hangs is waited for, and has no error.
            Self::Broken | Self::Hang => 5,
        };
        io::Error::from_raw_os_error(code)
    }
}

#[cfg(test)]
mod tests;
