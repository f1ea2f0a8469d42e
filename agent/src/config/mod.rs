//! What an agent is told: flags over a file over defaults.

mod access_log;
mod aggregation;
mod choice;
mod file;
mod host_metrics;
mod scrape;
mod value;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use weir_discovery::{Server, Servers};
use weir_link::ClientFiles;

use crate::intake::Access;
use crate::origin::Origin;
pub(crate) use access_log::AccessLog;
use aggregation::Aggregation;
pub(crate) use choice::Choice;
pub(crate) use host_metrics::HostMetrics;
pub(crate) use scrape::Scrape;
pub(crate) use value::Transport;
use value::{Interval, Listen, Loopback, Mode, Size};

/// Flags of `run` and `check`.
#[derive(clap::Args)]
pub(crate) struct RunArgs {
    /// Configuration file; if not given, /etc/weir/weir-agent.toml if it is there. Flags win over it
    #[arg(long)]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// Everything that can be set: the file's keys are the flags' names, and tables stand in the file only.
#[derive(Clone, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Host and port of gateways, or of the load balancer before them; several with commas [default: 127.0.0.1:8640]
    #[arg(long)]
    server: Option<Servers>,
    /// File with the fleet key, as a local server makes it; or else a token
    #[arg(long)]
    keys: Option<PathBuf>,
    /// File with the token that gets this agent its key from a server; needs --ca
    #[arg(long)]
    token: Option<PathBuf>,
    /// Certificates of the authorities that vouch for servers; without them there is no TLS
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Certificate chain to show to servers that ask for one; needs --certificate-key
    #[arg(long)]
    certificate: Option<PathBuf>,
    /// Private key of the certificate
    #[arg(long)]
    certificate_key: Option<PathBuf>,
    /// By which way batches go [default: auto]
    #[arg(long, value_enum)]
    transport: Option<Transport>,
    /// Room on disk for batches without an ack, such as 64MiB; 0 keeps them in memory only [default: 64MiB]
    #[arg(long)]
    spool: Option<Size>,
    /// Address to listen on for StatsD, or "off" [default: 127.0.0.1:8125]
    #[arg(long)]
    statsd: Option<Listen>,
    /// Unix socket that takes StatsD datagrams; none if not given
    #[arg(long)]
    statsd_datagram: Option<PathBuf>,
    /// Unix socket that takes StatsD streams; none if not given
    #[arg(long)]
    statsd_stream: Option<PathBuf>,
    #[arg(skip)]
    statsd_socket_mode: Option<Mode>,
    #[arg(skip)]
    statsd_socket_group: Option<String>,
    /// Length of a window [default: 10s]
    #[arg(long)]
    interval: Option<Interval>,
    /// Folder for the agent's id and epoch [default: /var/lib/weir-agent]
    #[arg(long)]
    state: Option<PathBuf>,
    /// Value of the host label; the host's own name if not given
    #[arg(long)]
    host: Option<String>,
    /// Loopback address that serves the agent's own readings at /metrics; none if not given
    #[arg(long)]
    telemetry: Option<Loopback>,
    #[arg(skip)]
    labels: BTreeMap<String, String>,
    #[arg(skip)]
    host_metrics: HostMetrics,
    #[arg(skip)]
    aggregation: Aggregation,
    #[arg(skip)]
    scrape: Vec<Scrape>,
    #[arg(skip)]
    access_log: Vec<AccessLog>,
}

impl Settings {
    /// These, and where they say nothing, the other's.
    fn over(self, file: Self) -> Self {
        Self {
            server: self.server.or(file.server),
            keys: self.keys.or(file.keys),
            token: self.token.or(file.token),
            ca: self.ca.or(file.ca),
            certificate: self.certificate.or(file.certificate),
            certificate_key: self.certificate_key.or(file.certificate_key),
            transport: self.transport.or(file.transport),
            spool: self.spool.or(file.spool),
            statsd: self.statsd.or(file.statsd),
            statsd_datagram: self.statsd_datagram.or(file.statsd_datagram),
            statsd_stream: self.statsd_stream.or(file.statsd_stream),
            statsd_socket_mode: file.statsd_socket_mode,
            statsd_socket_group: file.statsd_socket_group,
            interval: self.interval.or(file.interval),
            state: self.state.or(file.state),
            host: self.host.or(file.host),
            telemetry: self.telemetry.or(file.telemetry),
            labels: file.labels,
            host_metrics: file.host_metrics,
            aggregation: file.aggregation,
            scrape: file.scrape,
            access_log: file.access_log,
        }
    }
}

/// Where the running agent answers questions.
pub(crate) fn telemetry_address(args: &RunArgs) -> Result<SocketAddr> {
    let settings = args.settings.clone().over(file::read(args.config.as_deref())?);
    let Loopback(address) = settings.telemetry.context(
        "telemetry: not set, so the agent answers nowhere; set it in the file (and restart) or give --telemetry",
    )?;
    Ok(address)
}

/// What an agent runs with.
#[derive(Debug)]
pub(crate) struct Config {
    pub server: Servers,
    pub keys: Option<PathBuf>,
    pub token: Option<PathBuf>,
    pub tls: Option<ClientFiles>,
    pub transport: Transport,
    pub spool_bytes: u64,
    pub statsd: Option<SocketAddr>,
    pub statsd_datagram: Option<PathBuf>,
    pub statsd_stream: Option<PathBuf>,
    pub socket_access: Access,
    pub interval: Duration,
    pub state: PathBuf,
    pub host: String,
    pub telemetry: Option<SocketAddr>,
    labels: BTreeMap<String, String>,
    pub host_metrics: HostMetrics,
    aggregation: Aggregation,
    pub scrape: Vec<Scrape>,
    pub access_log: Vec<AccessLog>,
}

impl Config {
    /// Reads the file and puts the flags over it.
    pub(crate) fn load(args: &RunArgs) -> Result<Self> {
        Self::new(args.settings.clone().over(file::read(args.config.as_deref())?))
    }

    fn new(settings: Settings) -> Result<Self> {
        let host = match settings.host {
            Some(host) => host,
            None => std::fs::read_to_string("/proc/sys/kernel/hostname")
                .context("reading the host's name")?
                .trim()
                .to_owned(),
        };
        let tls = client_files(settings.ca, settings.certificate, settings.certificate_key)?;
        let transport = settings.transport.unwrap_or(Transport::Auto);
        ensure!(
            settings.keys.is_some() || settings.token.is_some(),
            "keys: not set, and without a fleet key or a token nothing can be sealed; see --keys and --token"
        );
        ensure!(
            tls.is_some() || settings.token.is_none(),
            "token: a token is shown over TLS only, and no authorities are named; see --ca"
        );
        ensure!(
            tls.is_some() || transport != Transport::Tls,
            "transport: \"tls\" without authorities that vouch for servers; see --ca"
        );
        Ok(Self {
            server: match settings.server {
                Some(server) => server,
                None => Servers(vec![Server { host: "127.0.0.1".into(), port: 8640 }]),
            },
            keys: settings.keys,
            token: settings.token,
            tls,
            transport,
            spool_bytes: settings.spool.map_or(64 << 20, |size| size.0),
            statsd: match settings.statsd.unwrap_or(Listen::At(SocketAddr::from(([127, 0, 0, 1], 8125)))) {
                Listen::Off => None,
                Listen::At(address) => Some(address),
            },
            statsd_datagram: settings.statsd_datagram,
            statsd_stream: settings.statsd_stream,
            socket_access: Access {
                mode: settings.statsd_socket_mode.map_or(0o666, |mode| mode.0),
                group: settings.statsd_socket_group,
            },
            interval: settings.interval.map_or(Duration::from_secs(10), |interval| interval.0),
            state: settings.state.unwrap_or_else(|| PathBuf::from("/var/lib/weir-agent")),
            host,
            telemetry: settings.telemetry.map(|loopback| loopback.0),
            labels: settings.labels,
            host_metrics: settings.host_metrics,
            aggregation: settings.aggregation,
            scrape: settings.scrape,
            access_log: settings.access_log,
        })
    }

    /// How StatsD is aggregated.
    pub(crate) fn aggregator(&self) -> weir_statsd::AggregatorConfig {
        self.aggregation.config(&self.host, &self.labels, self.interval)
    }

    /// What every series of this agent carries.
    pub(crate) fn origin(&self) -> Origin {
        Origin::new(&self.host, &self.labels)
    }

    /// Takes what can change while running.
    pub(crate) fn adopt(&mut self, new: Self) {
        self.labels = new.labels;
        self.host_metrics = new.host_metrics;
        self.aggregation = new.aggregation;
        self.scrape = new.scrape;
        self.access_log = new.access_log;
    }

    /// The settings that differ in `new` and take a restart.
    pub(crate) fn fixed_differences(&self, new: &Self) -> Vec<&'static str> {
        let differs = [
            ("server", self.server != new.server),
            ("keys", self.keys != new.keys),
            ("token", self.token != new.token),
            ("ca", self.tls != new.tls),
            ("transport", self.transport != new.transport),
            ("spool", self.spool_bytes != new.spool_bytes),
            ("statsd", self.statsd != new.statsd),
            ("statsd_datagram", self.statsd_datagram != new.statsd_datagram),
            ("statsd_stream", self.statsd_stream != new.statsd_stream),
            ("statsd_socket_mode", self.socket_access.mode != new.socket_access.mode),
            ("statsd_socket_group", self.socket_access.group != new.socket_access.group),
            ("interval", self.interval != new.interval),
            ("state", self.state != new.state),
            ("host", self.host != new.host),
            ("telemetry", self.telemetry != new.telemetry),
        ];
        differs.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
    }
}

fn client_files(
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<ClientFiles>> {
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => bail!("certificate: a certificate and its key go together; see --certificate-key"),
    };
    match ca {
        Some(authorities) => Ok(Some(ClientFiles { authorities, identity })),
        None if identity.is_some() => {
            bail!("certificate: it is shown over TLS, and no authorities are named; see --ca")
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
