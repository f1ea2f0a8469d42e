//! The bounds of a log.

use std::time::Duration;

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
        }
    }
}
