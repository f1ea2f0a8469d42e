//! What rows meet: they are appended, sealed, cut into checkpoints and in the end flushed to blocks.

pub(crate) mod cut;
mod flush;
pub(crate) mod rows;
