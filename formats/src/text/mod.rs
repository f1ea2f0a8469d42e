//! The Prometheus text format and OpenMetrics, as agents scrape them and as samples leave the store and come back.

mod family;
mod line;
mod writer;

pub use family::{Families, Meaning};
pub(crate) use line::named_twice;
pub use line::{Labels, Line, Malformed, Sample};
pub use writer::Writer;
