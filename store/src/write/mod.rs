//! What rows meet: they are appended, sealed, cut into checkpoints and in the end flushed to blocks.

mod append;
pub(crate) mod cut;
mod flush;
pub(crate) mod follow;
mod publish;
pub(crate) mod rows;
mod samples;
