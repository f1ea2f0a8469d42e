//! The embedded time-series store: rows of samples enter, series come out by label matchers and time.
//!
//! The queue in front of it is the write-ahead log. A checkpoint saves what is in memory together with the sink's place
//! in the queue; after a crash the store is as it was then, and the sink reads the queue again from there.
//!
//! A sample's way: a row of its group (`head/group.rs`), the group's open chunk (`head/segment.rs`), after some 120
//! rows a slab (`head/seal.rs`, `disk/slab.rs`), when its window is past a block and points of coarser tiers (`write/flush.rs`,
//! `tier/points.rs`), later part of a larger block (`care/compact.rs`), and in the end an
//! object elsewhere (`care/moving.rs`).

mod bytes;
mod care;
mod codec;
mod cold;
mod config;
mod counters;
mod disk;
mod error;
mod head;
mod index;
mod locks;
mod matcher;
mod open;
mod read;
mod refusal;
mod retention;
mod store;
#[cfg(test)]
mod tests;
mod tier;
mod versions;
mod write;

pub use care::backup::{Forgotten, Transferred, backup, backups, forget, restore};
pub use care::repair::{Repaired, repair};
pub use care::snapshot::snapshot;
pub use care::stats::{Stats, TierStats, stats};
pub use care::verify::{Verified, verify};
pub use cold::{ColdConfig, Remote};
pub use config::{RetentionRule, StoreConfig};
pub use error::Error;
pub use head::group::Appended;
pub use head::placing::{Place, Placed};
pub use matcher::{BadMatcher, MatchOp, Matcher, NAME, Wanted, compile_regex};
pub use read::holes::Hole;
pub use read::selection::{Answered, Selection, SeriesData};
pub use store::Store;
pub use tier::column::Column;
pub use tier::hint::Hint;
pub use tier::resolution::Tier;
pub use versions::Stamp;
pub use write::cut::Cut;
pub use write::follow::{Follower, Late};
pub use write::rows::Rows;
