//! The changes of a disk.

use std::fs::File;
use std::path::Path;

/// A change of a disk, as a faulty disk has to know it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "fault"), allow(dead_code, reason = "only a faulty disk looks inside"))]
pub(crate) enum Change<'a> {
    /// A file was opened, and made if it was not there.
    Opened,
    /// A file's length or bytes were changed.
    Written,
    /// What was written to this file is durable.
    Synced(&'a File),
    /// A file got another name.
    Renamed(&'a Path),
    /// A file got a second name.
    Linked(&'a Path),
    /// A file, or a folder with all in it, is gone.
    Removed,
    /// A folder was made.
    FolderMade,
    /// The names in a folder are durable.
    FolderSynced,
}
