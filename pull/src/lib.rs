//! Pull: targets that are asked for their metrics, for what cannot run an agent.
//!
//! ```text
//! scrape.yml ──Config──▶ jobs ──discovery──▶ targets ──look──▶ records ──Outbox──▶ POST /v1/scrapes
//! ```
//! Of several collectors each asks its share of the targets (`members`), and what is seen of all that from outside is on the board.
//! Each target has a fixed grid of times of its own, the same in every collector; the server stores each of them once, whoever
//! brings it (`weir_sink`). So a target may be asked by several, when it is handed over and when they disagree.

mod board;
mod clock;
mod collector;
mod config;
mod discovery;
mod follow;
mod look;
mod members;
mod outbox;
mod relabel;
mod rounds;
mod sockets;
mod target;
mod uplink;

pub use board::{DroppedTarget, LastLook, TargetState};
pub use collector::Collector;
pub use config::{Config, ConfigError};
pub use members::{Fleet, Leases, Membership};
pub use rounds::Rounds;
pub use uplink::{Credentials, Uplink};
