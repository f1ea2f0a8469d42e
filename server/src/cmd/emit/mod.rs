//! `weir emit`: StatsD lines to the agent or gateway on this host, or sealed to a gateway anywhere.

mod checked;
mod plain;
mod waiting;

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use weir_client::{Client, ClientConfig, Credentials};
use weir_files::tell;

use super::ask::{At, Contexts, system_bundle};
use crate::clock::{duration, now};

pub(crate) use plain::send;

#[derive(clap::Args)]
pub(crate) struct EmitArgs {
    /// StatsD lines, such as 'jobs.done:1|c' or 'job.duration:320|ms|#queue:mail'; none reads them from standard input
    lines: Vec<String>,
    /// Where StatsD is listened for; such lines are neither sealed nor acknowledged
    #[arg(long, default_value = "127.0.0.1:8125", conflicts_with = "server")]
    to: SocketAddr,
    /// Send every line this many times
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// Wait until the values can be read by a query, and say when that is; for two minutes, or as long as is said
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "2m", value_parser = duration)]
    wait: Option<Duration>,
    /// With --wait: HTTP address of the server that is asked [default: as for weir query]
    #[arg(long, value_name = "ADDRESS", requires = "wait")]
    query: Option<String>,
    #[command(flatten)]
    sealed: SealedArgs,
}

#[derive(clap::Args)]
struct SealedArgs {
    /// Seal the lines for this gateway, or several with commas between, and wait until they are acknowledged
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// The same for the gateway, the token and the authorities of a context that `weir context` keeps
    #[arg(long, value_name = "NAME", conflicts_with_all = ["server", "to"])]
    context: Option<String>,
    /// With --server: file with a token of the scope ingest
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// With --server: authorities, in PEM, of which one must vouch for the gateways [default: those that this host trusts]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// With --server, in place of a token: file of the fleet keys, on a host that runs a server
    #[arg(long, value_name = "FILE", requires = "server", conflicts_with = "token_file")]
    keys: Option<PathBuf>,
    /// With --server: how long to wait for the acknowledgement
    #[arg(long, default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

pub(crate) fn main(args: EmitArgs) -> Result<()> {
    let text = text(args.lines)?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    ensure!(!lines.is_empty(), "no lines: give some as arguments or on standard input");
    // None is sent if one of them is wrong: nobody answers to a datagram.
    let series = checked::series(&lines)?;
    let repeated = std::iter::repeat_n(&lines, args.times).flatten().copied();
    let (sent_at, context) = (now(), args.sealed.context.clone());
    match args.sealed.gateway()? {
        Some(config) => deliver(config, args.sealed.timeout, repeated)?,
        None => send(args.to, repeated)?,
    }
    let Some(patience) = args.wait else { return Ok(()) };
    let at = match (args.query, context) {
        (Some(server), _) => At::named(server),
        (None, context) => At::of(context),
    };
    waiting::until_readable(&at.server()?, &series, sent_at, patience)
}

fn text(arguments: Vec<String>) -> Result<String> {
    if !arguments.is_empty() {
        return Ok(arguments.join("\n"));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("reading lines from standard input")?;
    Ok(text)
}

impl SealedArgs {
    /// Whom lines are sealed for, if they are.
    fn gateway(&self) -> Result<Option<ClientConfig>> {
        let known = match &self.context {
            Some(name) => Contexts::load()?.named(name)?.clone(),
            None => super::ask::Context::default(),
        };
        let server = self.server.clone().or(known.gateway);
        let Some(server) = server else {
            ensure!(self.context.is_none(), "this context has no gateway: weir context set NAME --gateway HOST:PORT");
            ensure!(
                self.token_file.is_none() && self.ca.is_none(),
                "--token-file and --ca are shown to --server: give it too"
            );
            return Ok(None);
        };
        let token = self.token_file.clone().or(known.ingest_token_file);
        let credentials = match (&self.keys, token) {
            (Some(path), _) => Credentials::FleetKeys(path.clone()),
            (None, Some(path)) => Credentials::TokenFile(path),
            (None, None) => bail!("--server needs --token-file, or --keys on a host that runs a server"),
        };
        let ca = self.ca.clone().or(known.ca).or_else(system_bundle);
        // TLS is how a session is asked for; batches travel sealed by UDP. An address may be copied with its scheme.
        let server = server.trim_start_matches("https://").trim_end_matches('/').to_owned();
        Ok(Some(ClientConfig { ca, ..ClientConfig::new(server, credentials) }))
    }
}

/// Seals the lines and waits until a gateway has them on disk.
fn deliver<'a>(config: ClientConfig, timeout: Duration, lines: impl Iterator<Item = &'a str>) -> Result<()> {
    let ca = config.ca.clone();
    let vouched = || match &ca {
        Some(path) => format!("(authorities: {}; --ca names others)", path.display()),
        None => "(no authorities)".to_owned(),
    };
    let client = Client::connect(config).map_err(|error| match error.to_string() {
        told if told.contains("certificate") => anyhow::anyhow!("{told} {}", vouched()),
        _ => error.into(),
    })?;
    let lines: Vec<&str> = lines.collect();
    client.send_lines(lines.join("\n").as_bytes()).context("nothing was sent")?;
    client.close(timeout)?;
    tell!("{} lines acknowledged: they are on a gateway's disk", lines.len());
    Ok(())
}
