//! The embedded time-series store: rows of samples enter, series come out by label matchers and time.
//!
//! The queue in front of it is the write-ahead log. A checkpoint saves what is in memory together with the sink's place
//! in the queue; after a crash the store is as it was then, and the sink reads the queue again from there.
//!
//! A sample's way: a row of its group (`head/group.rs`), the group's open chunk (`head/segment.rs`), after some 120
//! rows a slab (`head/seal.rs`, `disk/slab.rs`), when its window is past a block and points of coarser tiers (`flush.rs`,
//! `tier/points.rs`), later part of a larger block (`compact.rs`), and in the end an
//! object elsewhere (`cold/moving.rs`).

mod backup;
mod blocks;
mod bytes;
mod checkpoint;
mod codec;
mod cold;
mod compact;
mod config;
mod counters;
mod cut;
mod disk;
mod error;
mod flush;
mod forget;
mod head;
mod index;
mod listing;
mod lock;
mod maintain;
mod matcher;
mod parallel;
mod repair;
mod retention;
mod rows;
mod run;
mod select;
mod selection;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod tier;
mod verify;

pub use backup::{Transferred, backup, backups, restore};
pub use cold::{ColdConfig, Remote};
pub use config::StoreConfig;
pub use cut::Cut;
pub use error::Error;
pub use forget::{Forgotten, forget};
pub use head::group::Appended;
pub use matcher::{BadMatcher, MatchOp, Matcher, NAME};
pub use repair::{Repaired, repair};
pub use retention::RetentionRule;
pub use rows::Rows;
pub use selection::{Answered, Column, Hint, Selection, SeriesData, Tier};
pub use stats::{Stats, TierStats};
pub use store::Store;
pub use verify::{Verified, snapshot, stats, verify};
