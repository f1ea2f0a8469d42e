//! Sealed StatsD: metrics from a job that has a token and no agent.
//!
//! Lines in every dialect of StatsD are added up per window, sealed, and sent by UDP until a gateway says that they are
//! durable. The series are *shared*: a thousand jobs that report to the same series in the same window give one true sum,
//! one true quantile, one true set.
//!
//! ```no_run
//! use std::time::Duration;
//! use weir_client::{Client, ClientConfig, Credentials};
//!
//! # fn main() -> Result<(), weir_client::Error> {
//! let token = Credentials::TokenFile("/run/secrets/weir.token".into());
//! let mut config = ClientConfig::new("gateways.example.org:8640", token);
//! config.ca = Some("/etc/weir/ca.pem".into());
//! let client = Client::connect(config)?;
//! client.count("jobs.done", 1.0, &[("queue", "mail")])?;
//! client.distribution("job.seconds", 3.2, &[])?;
//! client.send_lines(b"jobs.users:ann|s\njobs.left:17|g")?;
//! // `Ok` says: all of it is on a gateway's disk and will be counted, once.
//! client.close(Duration::from_secs(10))?;
//! # Ok(())
//! # }
//! ```
//! One thread of its own sends; nothing here needs an async runtime. What is not acknowledged when the process ends is
//! lost: there is no spool. A program that stays, or a host with many jobs, should have an agent.

mod client;
mod config;
mod error;
mod job;
mod lines;
mod source;

pub use client::Client;
pub use config::{ClientConfig, Credentials};
pub use error::Error;
