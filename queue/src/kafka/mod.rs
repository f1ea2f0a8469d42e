//! The queue as topics of Kafka's.
//!
//! A record's value is the frame that an embedded segment holds, checksums included. Its partition is chosen here, by tenant and
//! agent, so all of a sender's records are in one partition and in their order. How many partitions there are stands in a
//! topic of its own (`layout.rs`): a topic that an operator has grown keeps its senders where they are. Who reads keeps
//! its place beside what it has stored (docs/decisions/0022); the group's offsets at the brokers are a report.

mod admin;
mod claim;
mod cluster;
mod delivered;
mod grow;
mod layout;
mod leader;
mod log;
mod partition;
mod reader;
mod status;

pub use admin::{Setup, Shape, setup};
pub use cluster::{ClusterConfig, Sasl, Tls};
pub use grow::{Growth, grow, plan_growth};
pub use leader::{Candidate, Leading, Term};
pub use log::Log;
pub use reader::{GroupConfig, Reader};
pub use status::{PartitionStatus, status};
