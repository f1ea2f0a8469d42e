//! The bounds of a log.

use std::{path::Path, time::Duration};

use super::{behind::Follow, segment};
use crate::Error;

/// Bounds of a log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// A segment is closed when it has grown past this size.
    pub segment_bytes: u64,
    /// The longest a record waits for others to share its `fdatasync`. Zero commits at once.
    pub commit_delay: Duration,
    /// A commit starts early when this much waits.
    pub commit_bytes: usize,
    /// The most that may wait in memory; beyond it appends are refused as busy.
    pub pending_bytes: usize,
    /// The most the log may take on disk; beyond it appends are refused as full. Zero means no limit but the disk's.
    pub disk_bytes: u64,
    /// How long after a failure the log tries again.
    pub retry: Duration,
    /// The consumer that the log waits for. Default nobody.
    pub follow: Option<Follow>,
}

/// The least that [`LogConfig::share_of_disk`] gives: a disk that is nearly full at the start may have room later.
const LEAST_SHARE: u64 = 256 << 20;

impl LogConfig {
    /// Half of what the disk of a queue can still give to the log of `writer`, with what that log has already, and at
    /// least 256 MiB: a bound for a log whose owner has named none.
    ///
    /// # Errors
    /// What the file system says.
    pub fn share_of_disk(root: &Path, writer: &str) -> Result<u64, Error> {
        weir_files::own_folder(root)?;
        let log = root.join(writer);
        let size = |number: u64| segment::path_of(&log, number).metadata().map_or(0, |meta| meta.len());
        let own: u64 = segment::list(&log)?.into_iter().map(size).sum();
        Ok(((weir_files::free_bytes(root)? + own) / 2).max(LEAST_SHARE))
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            commit_delay: Duration::from_millis(5),
            commit_bytes: 1 << 20,
            pending_bytes: 32 << 20,
            disk_bytes: 0,
            retry: Duration::from_secs(1),
            follow: None,
        }
    }
}
