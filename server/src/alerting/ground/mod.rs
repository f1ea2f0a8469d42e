//! What rules are evaluated over: the data of this process, or another system's.

mod elsewhere;
mod handed;
mod here;
mod interface;
mod patient;
mod records;
mod remote;

pub(super) use elsewhere::{Elsewhere, QUERY_OFFSET, WORKERS};
pub(crate) use here::Here;
pub(super) use here::HereGround;
pub(super) use interface::Ground;
pub(crate) use remote::Remote;
