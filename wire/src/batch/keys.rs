//! The key section: labels that every series has once, then series by shape, their label values as columns.
//!
//! ```text
//! common labels: count, then name and value each
//! shapes:  count, then kind · name · own label names each (a shape is a kind, a metric name and its label names)
//! runs:    count, then the steps of their shapes (zigzag), then their lengths: series in order are runs of one shape
//! tables:  per label name in order of appearance: count, then its values
//! columns: per shape and label: steps (zigzag) from one place in the table to the next
//! ```
//! Series are sorted, so what differs from one to the next follows a pattern, and the steps repeat: a product of
//! routes, methods and statuses packs into a few bytes whatever its size.

mod read;
mod write;

/// Series in one batch: a datagram holds a few thousand at most.
pub(super) const MAX_SERIES: usize = 1 << 16;
/// A short column multiplies long names: keys may not unfold to more than this.
pub(super) const MAX_KEY_BYTES: usize = 8 << 20;
/// Label names in one batch, beside the common ones; they are few, so looking for one goes through all of them.
pub(super) const MAX_LABELS: usize = 256;

pub(super) use read::read;
pub(super) use write::put;
