//! Which running agent `status` and `top` ask.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;

use super::file;
use super::value::Loopback;

/// What says where the agent answers; its own configuration, if nothing does.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AskedArgs {
    /// The agent's configuration file; if not given, /etc/weir/weir-agent.toml if it is there
    #[arg(long)]
    config: Option<PathBuf>,
    /// The agent's state folder, in which its socket is [default: the configuration's, or /var/lib/weir-agent]
    #[arg(long)]
    state: Option<PathBuf>,
    /// Ask at this address in place of the socket
    #[arg(long, value_name = "ADDRESS", conflicts_with = "state")]
    telemetry: Option<Loopback>,
}

/// Where a running agent answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Address(SocketAddr),
    Socket(PathBuf),
}

/// Name of the agent's socket in its state folder.
pub(crate) const SOCKET: &str = "agent.sock";

impl AskedArgs {
    /// The nearest word wins: a flag, then the file's address, then the socket of its state folder.
    pub(crate) fn find(&self) -> Result<Asked> {
        if let Some(Loopback(address)) = self.telemetry {
            return Ok(Asked::Address(address));
        }
        if let Some(state) = &self.state {
            return Ok(Asked::Socket(state.join(SOCKET)));
        }
        let config = file::read(self.config.as_deref())?;
        Ok(config.telemetry().map_or_else(|| Asked::Socket(config.state.join(SOCKET)), Asked::Address))
    }
}
