//! `weir collect`: asks targets for their metrics, as Prometheus' scrape_configs have them, and brings these to a server.

use std::path::PathBuf;

use anyhow::{Context, Error, Result};
use tokio::signal::unix::{SignalKind, signal};
use weir_files::tell;
use weir_pull::{Config, Credentials, Uplink, collect};

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("who").args(["token_file", "keys"]).required(true))]
pub(crate) struct CollectArgs {
    /// File with Prometheus' scrape_configs
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// HTTP address of the server, such as `https://weir.example:8650`
    #[arg(long, value_name = "URL")]
    server: String,
    /// File of a token that may ingest
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// In place of a token: file of the fleet keys, on a host that runs a server
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// With --keys: the tenant whose metrics these are
    #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "keys")]
    tenant: u32,
    /// Certificates of the authorities that the server's comes from [default: those of this host]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Runs until a signal.
pub(crate) fn main(args: CollectArgs) -> Result<()> {
    let config = Config::load(&args.config)?;
    for key in &config.without_effect {
        tell!("weir: {}: {key} has no effect here", args.config.display());
    }
    let credentials = match (args.token_file, args.keys) {
        (Some(path), _) => Credentials::TokenFile(path),
        (None, keys) => Credentials::FleetKeys(keys.context("--token-file or --keys says who collects")?, args.tenant),
    };
    let uplink = Uplink::new(&args.server, args.ca, credentials).map_err(Error::msg)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            outcome = collect(config, uplink) => outcome.map_err(Error::msg),
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    });
    runtime.shutdown_background();
    outcome
}
