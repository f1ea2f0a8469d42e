//! Everything that can be set, and what follows from it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use weir_discovery::{Server, Servers};
use weir_link::ClientFiles;
use weir_statsd::AggregatorConfig;

use super::access_log::AccessLog;
use super::aggregation::Aggregation;
use super::host_metrics::HostMetrics;
use super::scrape::Scrape;
use super::value::{Interval, Listen, Loopback, Mode, Size, Transport};
use crate::origin::Origin;

/// A struct that tells which of its fields differ from another's.
macro_rules! compared {
    ($(#[$about:meta])* pub(crate) struct $name:ident { $($(#[$told:meta])* pub $key:ident: $kind:ty,)* }) => {
        $(#[$about])*
        pub(crate) struct $name { $($(#[$told])* pub $key: $kind,)* }

        impl $name {
            /// The keys that differ in `other`.
            pub(super) fn differing(&self, other: &Self) -> Vec<&'static str> {
                let all = [$((stringify!($key), self.$key != other.$key),)*];
                all.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
            }
        }
    };
}

compared! {
    /// Everything that can be set: the file's keys are the flags' names, and what is no flag stands in the file only. What
    /// each does, and its zero, is told in the example file.
    #[derive(Clone, Debug, PartialEq, clap::Args, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub(crate) struct Config {
        /// Host and port of gateways, or of the load balancer before them; several with commas [default: 127.0.0.1:8640]
        #[arg(long)]
        pub server: Servers,
        /// File with the fleet key, as a local server makes it; or else a token
        #[arg(long)]
        pub keys: Option<PathBuf>,
        /// File with the token that gets this agent its key from a server; needs --ca
        #[arg(long)]
        pub token: Option<PathBuf>,
        /// Certificates of the authorities that vouch for servers; without them there is no TLS
        #[arg(long)]
        pub ca: Option<PathBuf>,
        /// Certificate chain to show to servers that ask for one; needs --certificate-key
        #[arg(long)]
        pub certificate: Option<PathBuf>,
        /// Private key of the certificate
        #[arg(long)]
        pub certificate_key: Option<PathBuf>,
        /// By which way batches go [default: auto]
        #[arg(long, value_enum)]
        pub transport: Transport,
        /// Room on disk for batches without an ack, such as 64MiB; 0 keeps them in memory only [default: 64MiB]
        #[arg(long)]
        pub spool: Size,
        /// Address to listen on for StatsD, or "off" [default: 127.0.0.1:8125]
        #[arg(long)]
        pub statsd: Listen,
        /// Unix socket that takes StatsD datagrams; none if not given
        #[arg(long)]
        pub statsd_datagram: Option<PathBuf>,
        /// Unix socket that takes StatsD streams; none if not given
        #[arg(long)]
        pub statsd_stream: Option<PathBuf>,
        #[arg(skip)]
        pub statsd_socket_mode: Mode,
        #[arg(skip)]
        pub statsd_socket_group: Option<String>,
        /// Length of a window [default: 10s]
        #[arg(long)]
        pub interval: Interval,
        /// Folder for the agent's id and epoch [default: /var/lib/weir-agent]
        #[arg(long)]
        pub state: PathBuf,
        /// Value of the host label; the host's own name if not given
        #[arg(long)]
        pub host: Option<String>,
        /// Loopback address that serves the agent's own readings at /metrics; none if not given
        #[arg(long)]
        pub telemetry: Option<Loopback>,
        #[arg(skip)]
        pub labels: BTreeMap<String, String>,
        #[arg(skip)]
        pub host_metrics: HostMetrics,
        #[arg(skip)]
        pub aggregation: Aggregation,
        #[arg(skip)]
        pub scrape: Vec<Scrape>,
        #[arg(skip)]
        pub access_log: Vec<AccessLog>,
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Servers(vec![Server { host: "127.0.0.1".into(), port: 8640 }]),
            keys: None,
            token: None,
            ca: None,
            certificate: None,
            certificate_key: None,
            transport: Transport::Auto,
            spool: Size(64 << 20),
            statsd: Listen::At(SocketAddr::from(([127, 0, 0, 1], 8125))),
            statsd_datagram: None,
            statsd_stream: None,
            statsd_socket_mode: Mode::default(),
            statsd_socket_group: None,
            interval: Interval(Duration::from_secs(10)),
            state: PathBuf::from("/var/lib/weir-agent"),
            host: None,
            telemetry: None,
            labels: BTreeMap::new(),
            host_metrics: HostMetrics::default(),
            aggregation: Aggregation::default(),
            scrape: Vec::new(),
            access_log: Vec::new(),
        }
    }
}

impl Config {
    /// Finds out what was left to the host, and refuses what does not go together.
    pub(super) fn complete(mut self) -> Result<Self> {
        if self.host.is_none() {
            let name = std::fs::read_to_string("/proc/sys/kernel/hostname").context("reading the host's name")?;
            self.host = Some(name.trim().to_owned());
        }
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.keys.is_some() || self.token.is_some(),
            "keys: not set, and without a fleet key or a token nothing can be sealed; see --keys and --token"
        );
        ensure!(
            self.ca.is_some() || self.token.is_none(),
            "token: a token is shown over TLS only, and no authorities are named; see --ca"
        );
        ensure!(
            self.ca.is_some() || self.transport != Transport::Tls,
            "transport: \"tls\" without authorities that vouch for servers; see --ca"
        );
        if let Some(fault) = self.host_metrics.fault() {
            bail!("host_metrics.{fault}");
        }
        match (&self.certificate, &self.certificate_key) {
            (Some(_), Some(_)) if self.ca.is_none() => {
                bail!("certificate: it is shown over TLS, and no authorities are named; see --ca")
            }
            (Some(_), Some(_)) | (None, None) => Ok(()),
            _ => bail!("certificate: a certificate and its key go together; see --certificate-key"),
        }
    }

    /// Value of the host label.
    pub(crate) fn host(&self) -> &str {
        self.host.as_deref().unwrap_or_default()
    }

    /// What TLS is made with, if there is TLS.
    pub(crate) fn tls(&self) -> Option<ClientFiles> {
        let identity = self.certificate.clone().zip(self.certificate_key.clone());
        self.ca.clone().map(|authorities| ClientFiles { authorities, identity })
    }

    /// Where the running agent answers questions.
    pub(crate) fn telemetry(&self) -> Option<SocketAddr> {
        self.telemetry.map(|Loopback(address)| address)
    }

    /// How StatsD is aggregated.
    pub(crate) fn aggregator(&self) -> AggregatorConfig {
        self.aggregation.config(self.host(), &self.labels, self.interval.0)
    }

    /// What every series of this agent carries.
    pub(crate) fn origin(&self) -> Origin {
        Origin::new(self.host(), &self.labels)
    }

    /// Takes over from `new` what can change while the agent runs; the keys of what else differs, which takes a restart.
    pub(crate) fn adopt(&mut self, new: Self) -> Vec<&'static str> {
        let fixed = Self {
            labels: new.labels.clone(),
            host_metrics: new.host_metrics.clone(),
            aggregation: new.aggregation.clone(),
            scrape: new.scrape.clone(),
            access_log: new.access_log.clone(),
            ..self.clone()
        };
        let differing = fixed.differing(&new);
        *self = fixed;
        differing
    }
}
