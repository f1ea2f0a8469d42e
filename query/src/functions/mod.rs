//! Functions: what a call makes of vectors, ranges, scalars and text.

mod absent;
pub(crate) mod calendar;
pub(crate) mod histogram;
mod label_functions;
pub(crate) mod maths;
pub(crate) mod order;
mod over_time;
