//! What can be known of an expression without data: which labels its result can have, whether it can ever be true, and whether it keeps
//! the values of a label apart.

mod apart;
mod bounds;
mod labels;
mod never;

pub(crate) use apart::keeps_apart;
pub(super) use labels::Possible;
pub(super) use never::{never, never_in_parts};
