//! What an agent is told: flags over a file over defaults.

mod access_log;
mod aggregation;
mod asked;
mod choice;
mod file;
mod files;
mod flags;
mod host_metrics;
mod log_format;
mod scrape;
mod settings;
mod value;

use std::time::SystemTime;

use anyhow::{Result, ensure};

pub(crate) use access_log::AccessLog;
pub(crate) use asked::{Asked, AskedArgs, SOCKET};
pub(crate) use choice::Choice;
pub(crate) use flags::RunArgs;
pub(crate) use host_metrics::{HostMetrics, HostSource};
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
pub(crate) fn check(args: &RunArgs) -> Result<Config> {
    let config = Config::load(args)?;
    let wrong = config.wrong_files(SystemTime::now());
    ensure!(wrong.is_empty(), "{}", wrong.join("\nweir-agent: "));
    Ok(config)
}

#[cfg(test)]
mod tests;
