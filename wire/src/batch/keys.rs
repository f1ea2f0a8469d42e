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

pub(super) use read::take;
pub(super) use write::put;
