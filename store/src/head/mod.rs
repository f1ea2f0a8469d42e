//! Samples that are not in a file yet: groups of series that share their timestamps, in shards.

pub(crate) mod file;
pub(crate) mod group;
pub(crate) mod histograms;
pub(crate) mod idle;
pub(crate) mod late;
pub(crate) mod placing;
pub(crate) mod seal;
pub(crate) mod segment;
pub(crate) mod shard;
pub(crate) mod snapshot;
