//! Questions to a running server over its HTTP API: which server, what it is shown and whom it must be vouched for by, and
//! how it is asked. All commands that ask one do it through here.

mod at;
mod contexts;
mod server;
mod trust;

pub(crate) use at::At;
pub(crate) use contexts::{Context, Contexts, valid_name};
pub(crate) use server::{Ask, Server, agent, agent_with, instant};
pub(crate) use trust::system_bundle;
