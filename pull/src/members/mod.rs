//! Which collectors there are, as this one sees them: each target is asked by those that come first for it among them.
//!
//! What is seen may be wrong, and two collectors may see differently: then a target is asked twice, which the server stores once. So
//! whoever is in doubt asks.

mod fleet;
mod probe;
mod redis;
mod view;
mod watching;

pub use fleet::{Fleet, Membership};
pub use redis::Leases;
pub(crate) use view::{LEAVE_FOR, View};
pub(crate) use watching::{channel, watch_members};
