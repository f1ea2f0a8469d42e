//! The embedded time-series store: rows of samples enter, series come out by label matchers and time.
//!
//! The queue in front of it is the write-ahead log. A checkpoint saves what is in memory together with the sink's place
//! in the queue; after a crash the store is as it was then, and the sink reads the queue again from there.

mod bits;
mod checkpoint;
mod chunk;
mod codec;
mod error;
mod files;
mod head;
mod index;
mod matcher;
mod select;
mod series;
mod store;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use matcher::{BadMatcher, MatchOp, Matcher, NAME};
pub use select::{Answered, Column, Hint, Selection, SeriesData, Tier};
pub use store::{Appended, Rows, Store, StoreConfig};
