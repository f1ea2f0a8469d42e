//! Operators: what stands between two expressions, on single values and on whole vectors.

pub(crate) mod arithmetic;
mod binary;
mod elements;
mod matching;
mod set;
