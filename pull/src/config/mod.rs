//! Prometheus' `scrape_configs`, as far as they are followed; what is not is named.

mod client;
mod job;
mod sources;
mod units;
mod written;

pub(crate) use client::{ClientSettings, Secret, Tls};
pub(crate) use job::Job;
pub use job::{Config, ConfigError};
pub(crate) use sources::{FileSource, Group, Source};
pub(crate) use units::span;
