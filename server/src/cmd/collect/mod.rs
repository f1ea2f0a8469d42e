//! `weir collect`: asks targets for their metrics, as Prometheus' scrape_configs have them, and brings these to a server.

mod listener;
mod shapes;
mod targets;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use weir_files::tell;
use weir_pull::{Collector, Config, Credentials, Fleet, Leases, Membership, Rounds, Uplink};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(group = clap::ArgGroup::new("who").args(["token_file", "keys"]).required(true))]
pub(crate) struct CollectArgs {
    #[command(subcommand)]
    command: Option<CollectCommand>,
    /// File with Prometheus' scrape_configs; read again at SIGHUP
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// HTTP address of the server, such as `https://weir.example:8650`
    #[arg(long, value_name = "URL", required = true)]
    server: Option<String>,
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
    /// Address of this collector's own HTTP: /metrics, /-/healthy, /-/ready, /api/v1/targets
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    sharing: Sharing,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Several collectors")]
struct Sharing {
    /// Addresses of all collectors' --listen, this one's among them, the same list for each: they share the targets
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',', requires = "listen")]
    peers: Vec<String>,
    /// In place of a list: a name of which each address is a collector's, and the port of their --listen
    #[arg(long, value_name = "NAME:PORT", conflicts_with = "peers", requires = "listen")]
    peers_dns: Option<String>,
    /// In place of a list: leases in Redis, at `redis://:PASSWORD@HOST:PORT/DATABASE`; all but the host may be left out
    #[arg(long, value_name = "URL", conflicts_with_all = ["peers", "peers_dns"])]
    peers_redis: Option<String>,
    /// With --peers-redis: collectors with the same name here share targets
    #[arg(long, value_name = "NAME", default_value = "default", requires = "peers_redis")]
    group: String,
    /// This one's address among them, if it cannot reach itself there
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// Collectors that ask each target; what they bring is stored once
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    replicas: u8,
}

#[derive(clap::Subcommand)]
enum CollectCommand {
    /// Show the targets of a running collector, how they are, and which collector asks them
    Targets(targets::TargetsArgs),
}

/// Runs until a signal.
pub(crate) fn main(args: CollectArgs) -> Result<()> {
    if let Some(CollectCommand::Targets(args)) = args.command {
        return targets::main(&args);
    }
    let (Some(file), Some(server)) = (args.config, args.server) else { bail!("--config and --server say what to do") };
    let config = load(&file)?;
    let credentials = match (args.token_file, args.keys) {
        (Some(path), _) => Credentials::TokenFile(path),
        (None, keys) => Credentials::FleetKeys(keys.context("--token-file or --keys says who collects")?, args.tenant),
    };
    let uplink = Uplink::new(&server, args.ca, credentials).map_err(Error::msg)?;
    let fleet = args.sharing.fleet(args.listen)?;
    let descriptors = weir_meters::process::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run(&file, (config, fleet, descriptors), uplink, args.listen));
    runtime.shutdown_background();
    outcome
}

impl Sharing {
    fn fleet(self, listen: Option<SocketAddr>) -> Result<Fleet> {
        let leases = self.peers_redis.map(|url| Leases::new(&url, &self.group)).transpose().map_err(Error::msg)?;
        let membership = match (leases, self.peers_dns) {
            (Some(leases), _) => Membership::Redis(leases),
            (None, Some(name)) => Membership::Name(name),
            _ if self.peers.is_empty() => Membership::Alone,
            _ => Membership::Peers(self.peers.iter().map(|peer| peer.trim().to_owned()).collect()),
        };
        // A name that stays the same after a restart, so that targets do, too.
        let own = match membership {
            Membership::Alone => listen.map(|address| address.to_string()),
            Membership::Redis(_) => {
                let port = listen.map_or(0, |address| address.port());
                Some(format!("{}:{port}", crate::host::name()))
            }
            _ => None,
        };
        Ok(Fleet::new(membership, self.advertise.or(own), self.replicas.into()))
    }
}

fn load(file: &Path) -> Result<Config> {
    let config = Config::load(file)?;
    for key in &config.without_effect {
        tell!("weir: {}: {key} has no effect here", file.display());
    }
    Ok(config)
}

async fn run(
    file: &Path,
    (config, fleet, descriptors): (Config, Fleet, u64),
    uplink: Uplink,
    listen: Option<SocketAddr>,
) -> Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let hang_up = signal(SignalKind::hangup())?;
    let (rounds, collector) = Rounds::new(config, fleet, descriptors).map_err(Error::msg)?;
    if let Some(address) = listen {
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("listening on {address} (--listen)"))?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        listener::serve(listener, collector.clone());
    }
    let reloading = tokio::spawn(reload(file.to_owned(), collector, hang_up));
    let mut ended = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let (leave, left) = tokio::sync::oneshot::channel::<()>();
    let running = rounds.run(uplink, async { _ = left.await });
    let mut running = std::pin::pin!(running);
    tokio::select! {
        () = &mut running => return Ok(()),
        () = ended() => drop(leave),
    }
    // What was seen is sent before it ends; who cannot wait says so again.
    tokio::select! {
        () = &mut running => {}
        () = ended() => tell!("weir: ended at once"),
    }
    reloading.abort();
    Ok(())
}

/// Reads the file again whenever it is told to.
async fn reload(file: PathBuf, collector: Collector, mut hang_up: Signal) {
    while hang_up.recv().await.is_some() {
        match load(&file) {
            Ok(config) => collector.reload(config),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the file is not followed; the last good one stays");
                collector.refused(format!("{error:#}"));
            }
        }
    }
}
