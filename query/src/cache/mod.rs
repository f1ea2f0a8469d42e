//! Values of range queries, kept from one question to the next: never other than an evaluation would give, at worst
//! evaluated again.

pub(crate) mod answering;
pub(crate) mod proof;
pub(crate) mod reads;
pub(crate) mod results;
pub(crate) mod run;
