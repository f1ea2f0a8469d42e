//! What several sinks of one topic have between them.

use crate::{Log, Share};

/// The way by which the sinks of a group tell each other what they have of shared series.
#[derive(Debug)]
pub struct Parts {
    /// Where it is told.
    pub log: Log,
    /// How many partitions it has.
    pub partitions: u32,
    /// What of them, and of the batches, this sink reads.
    pub share: Share,
    /// The group.
    pub group: String,
}
