//! What an agent is told: flags over a file over defaults.

mod access_log;
mod aggregation;
mod choice;
mod file;
mod files;
mod flags;
mod host_metrics;
mod log_format;
mod scrape;
mod settings;
mod value;

use std::net::SocketAddr;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

pub(crate) use access_log::AccessLog;
pub(crate) use choice::Choice;
pub(crate) use flags::RunArgs;
pub(crate) use host_metrics::HostMetrics;
pub(crate) use log_format::Request;
pub(crate) use scrape::Scrape;
pub(crate) use settings::Config;
pub(crate) use value::Transport;

impl Config {
    /// Reads the file, puts the flags over it, and refuses what does not go together.
    pub(crate) fn load(args: &RunArgs) -> Result<Self> {
        args.over(file::read(args.file())?)?.complete()
    }
}

/// Whether the agent can run with this configuration and use all files that it names.
///
/// # Errors
/// All that is wrong, each in a line of its own.
pub(crate) fn check(args: &RunArgs) -> Result<()> {
    let wrong = Config::load(args)?.wrong_files(SystemTime::now());
    ensure!(wrong.is_empty(), "{}", wrong.join("\nweir-agent: "));
    Ok(())
}

/// Where the running agent answers questions, for the commands that ask it.
pub(crate) fn telemetry_address(args: &RunArgs) -> Result<SocketAddr> {
    args.over(file::read(args.file())?)?.telemetry().context(
        "telemetry: not set, so the agent answers nowhere; set it in the file (and restart) or give --telemetry",
    )
}

#[cfg(test)]
mod tests;
