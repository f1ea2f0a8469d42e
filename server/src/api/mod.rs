//! The HTTP API, a file per group of routes.

pub(crate) mod agents;
pub(crate) mod alerts;
pub(crate) mod asked;
pub(crate) mod auth;
pub(crate) mod cardinality;
pub(crate) mod dashboards;
pub(crate) mod events;
pub(crate) mod exemplars;
mod json;
pub(crate) mod prometheus;
pub(crate) mod query;
pub(crate) mod rules;
mod saved;
pub(crate) mod session;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod why;
pub(crate) mod write;
