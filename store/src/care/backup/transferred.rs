//! Counts of a backup on its way.

use super::manifest::Item;

/// Counts of a backup or a restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Files and objects sent.
    pub sent: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Blocks that were there already.
    pub there: u64,
}

/// Bytes of an object that are fetched at once.
pub(super) const FETCHED_AT_ONCE: usize = 8 << 20;

impl Transferred {
    pub(super) fn count(&mut self, item: &Item) {
        self.sent += 1;
        self.bytes += item.size;
    }
}
