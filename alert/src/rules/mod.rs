//! Rule files in Prometheus' format: read with places, checked, and the last good set kept.

mod document;
mod duration;
mod fault;
mod place;

pub use duration::write_duration;
pub use fault::{Fault, Place, Weight};
