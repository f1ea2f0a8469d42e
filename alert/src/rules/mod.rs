//! Rule files in Prometheus' format: read with places, checked, and the last good set kept.

mod bounds;
mod diagnosis;
mod document;
mod dry_run;
mod duration;
mod expression;
mod fault;
mod labels;
mod never;
mod place;

pub use diagnosis::BadExpression;
pub use duration::write_duration;
pub use expression::{Expression, Reads};
pub use fault::{Fault, Place, Weight};
