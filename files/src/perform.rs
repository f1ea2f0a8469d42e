//! The one way to the disk: every change passes here, and a test's faulty disk stands in it.

use std::io;
use std::path::Path;

use crate::change::Change;

/// Makes a change to what is at `path`.
pub(crate) fn change<T>(path: &Path, change: Change<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    #[cfg(feature = "fault")]
    if let Some(disk) = crate::fault::disk_of(path) {
        return disk.make(path, change, act);
    }
    let _ = (path, change);
    act()
}

/// Writes bytes to what is at `path`. A disk that fails here leaves half of them behind.
pub(crate) fn write(path: &Path, bytes: &[u8], act: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()> {
    #[cfg(feature = "fault")]
    if let Some(disk) = crate::fault::disk_of(path) {
        return disk.write(path, bytes, act);
    }
    let _ = path;
    act(bytes)
}
