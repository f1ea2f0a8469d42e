//! Reading: a datagram's bytes in, what its lines say out. Nothing is kept and nothing copied, but for the records.

mod event;
mod number;
mod parse;
mod record;
mod refused;
mod tags;

pub use event::{Event, ServiceCheck};
pub use number::Number;
pub(crate) use parse::parse_lines;
pub use parse::{Item, Metric, Type, Values, parse};
pub use refused::{Reason, Refused};
pub use tags::{Tag, Tags};
