//! What the store has goes on to other engines: Prometheus remote write, InfluxDB lines, ClickHouse, OTLP.
//!
//! A backend reads the embedded store by time, stretch by stretch, as far as the data of all live senders are there, and what came
//! late behind that again. A stretch is noted before it is sent and passed when all of it was taken: after a crash the same stretch is
//! read and cut into the same requests. Backends know nothing of each other; one that is slow or away is behind in the store, which
//! keeps samples for days, and holds nobody up.

mod buckets;
mod config;
mod counting;
mod formats;
mod http;
mod lanes;
mod progress;
mod request;
mod sending;
mod status;
mod stretch;
mod tiers;
mod worker;

pub use buckets::BOUNDS;
pub use config::{Auth, BackendConfig, Format, Histograms, Tenants, Tls};
pub use tiers::parts;
pub use worker::{Backend, Feed};
