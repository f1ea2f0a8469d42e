//! One of several processes does the work: the one that leads. The others follow, and send on what they are asked.

mod forward;
#[cfg(feature = "kafka")]
mod kept;
#[cfg(feature = "kafka")]
mod work;

pub(crate) use forward::{Elsewhere, forwarded};
#[cfg(feature = "kafka")]
pub(super) use work::Led;
