//! How series are asked for and handed over: selections, and what series and labels there are.

pub(crate) mod holes;
mod late;
mod listing;
mod order;
mod parallel;
mod pieces;
mod reader;
mod select;
pub(crate) mod selection;
mod standing;
