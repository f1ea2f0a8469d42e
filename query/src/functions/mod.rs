//! Functions: what a call makes of vectors, ranges, scalars and text.

mod absent;
pub(crate) mod calendar;
mod classic;
pub(crate) mod histogram;
mod info;
mod label_functions;
pub(crate) mod maths;
pub(crate) mod order;
pub(crate) mod over_time;
