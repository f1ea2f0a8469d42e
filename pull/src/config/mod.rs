//! Prometheus' `scrape_configs`, as far as they are followed; what is not is named.

mod asked;
mod job;
mod protocols;
mod sources;
mod units;
mod written;

pub(crate) use asked::Asked;
pub(crate) use job::Job;
pub use job::{Config, ConfigError};
pub(crate) use protocols::Format;
pub(crate) use sources::{
    ConsulSource, DnsKind, DnsSource, EtcdSource, FileSource, Group, HttpSource, KubernetesSource, ObjectSelector,
    Role, Source,
};
pub(crate) use units::span;

/// What holds where nothing is said.
const fn yes() -> bool {
    true
}
