//! The numbers by which series and their parts are known.

/// A series' identity in order: the top 32 bits are of the metric name, so that a metric's series stand together; the
/// rest is of all labels. 96 bits of hash are taken as unique: at 10 million series a collision has odds of 10⁻¹⁵.
pub(crate) type SeriesId = u128;

/// Number of a group across shards.
pub(crate) type GroupId = u32;

/// Number of a label pair.
pub(crate) type PairId = u32;

/// Number of a set of pairs.
pub(crate) type SetId = u32;
