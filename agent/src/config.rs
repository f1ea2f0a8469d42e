//! What an agent is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

#[derive(clap::Args)]
pub(crate) struct RunArgs {
    /// Gateway address for sealed batches
    #[arg(long, default_value = "127.0.0.1:8640")]
    server: SocketAddr,
    /// File with the fleet key, as a local server makes it
    #[arg(long)]
    keys: PathBuf,
    /// Address to listen on for StatsD, or "off"
    #[arg(long, default_value = "127.0.0.1:8125")]
    statsd: String,
    /// Length of a window
    #[arg(long, default_value = "10s")]
    interval: String,
    /// Folder for the agent's id and epoch
    #[arg(long, default_value = "/var/lib/weir-agent")]
    state: PathBuf,
    /// Value of the host label; the host's own name if not given
    #[arg(long)]
    host: Option<String>,
    /// Loopback address that serves the agent's own readings at /metrics; none if not given
    #[arg(long)]
    telemetry: Option<SocketAddr>,
}

/// What an agent runs with.
pub(crate) struct Config {
    pub server: SocketAddr,
    pub keys: PathBuf,
    pub statsd: Option<SocketAddr>,
    pub interval: Duration,
    pub state: PathBuf,
    pub host: String,
    pub telemetry: Option<SocketAddr>,
}

impl Config {
    pub(crate) fn new(args: RunArgs) -> Result<Self> {
        let statsd = match args.statsd.as_str() {
            "off" => None,
            address => {
                Some(address.parse().with_context(|| format!("--statsd {address}: neither an address nor \"off\""))?)
            }
        };
        let seconds: u64 = args.interval.trim_end_matches('s').parse().context("--interval: seconds, such as 10s")?;
        ensure!((1..=3_600).contains(&seconds), "--interval: between 1s and 3600s");
        let host = match args.host {
            Some(host) => host,
            None => std::fs::read_to_string("/proc/sys/kernel/hostname")
                .context("reading the host's name")?
                .trim()
                .to_owned(),
        };
        let interval = Duration::from_secs(seconds);
        let RunArgs { server, keys, state, telemetry, .. } = args;
        Ok(Self { server, keys, statsd, interval, state, host, telemetry })
    }
}
