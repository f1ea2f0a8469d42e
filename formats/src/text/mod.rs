//! The Prometheus text format and OpenMetrics, as agents scrape them and as samples leave the store and come back.

mod cursor;
mod described;
mod distribution;
mod escaping;
mod family;
mod fault;
mod labels;
mod line;
mod reader;
mod writer;

pub use described::Described;
pub use distribution::Distribution;
pub use escaping::{Escaping, unescaped};
pub use family::{Families, Meaning, Part};
pub use fault::{Fault, Malformed};
pub use labels::Labels;
pub(crate) use labels::named_twice;
pub use line::{Form, Line, Sample};
pub use reader::Reader;
pub use writer::{Writer, metric_name, spelled};
