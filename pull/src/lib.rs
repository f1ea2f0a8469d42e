//! Pull: targets that are asked for their metrics, for what cannot run an agent.
//!
//! ```text
//! scrape.yml ──Config──▶ jobs ──discovery──▶ targets ──look──▶ records ──Outbox──▶ POST /v1/scrapes
//! ```
//! Each target has a fixed grid of times of its own, the same in every collector; the server stores each of them once, whoever
//! brings it (`weir_sink`). So any number of collectors may have the same targets.

mod clock;
mod config;
mod discovery;
mod http;
mod look;
mod outbox;
mod page;
mod relabel;
mod rounds;
mod target;
mod uplink;

pub use config::{Config, ConfigError};
pub use rounds::collect;
pub use uplink::{Credentials, Uplink};
