//! `weir.toml` and the flags that stand over it, a file per section that is larger than a few lines.

mod admission;
mod cold;
mod gateway;
mod statsd;
mod store;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;

pub(crate) use admission::AdmissionSettings;
use gateway::GatewaySettings;
use statsd::StatsdSettings;
use store::StoreSettings;

/// Everything `weir up` can be told. Each field may be left out of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Folder of keys, queue and store. Default: `weir` under the XDG data directory.
    pub data: PathBuf,
    pub listen: Listen,
    pub queue: QueueSettings,
    /// TLS for batches and sessions, and for the HTTP API. Left out: none.
    pub tls: Option<TlsFiles>,
    pub identity: IdentityFiles,
    pub sink: SinkConfig,
    pub store: StoreSettings,
    pub gateway: GatewaySettings,
    pub statsd: StatsdSettings,
    pub admission: AdmissionSettings,
    /// Where all this was read.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// The queue between gateways and the sink.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QueueSettings {
    /// Its folder, which gateways and their sink share. Default: `queue` in the data folder.
    pub folder: Option<PathBuf>,
    /// Name of this gateway's log in it; no two gateways may have the same. Default: `up`.
    pub writer: String,
}

/// PEM files of this server. They are read again when they change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsFiles {
    /// Certificate chain, leaf first.
    pub certificates: PathBuf,
    /// Private key of the leaf.
    pub key: PathBuf,
    /// Authorities whose client certificates are taken in place of a token. None: tokens only.
    pub client_authorities: Option<PathBuf>,
    /// Whether the HTTP API speaks TLS too. Default: yes.
    #[serde(default = "yes")]
    pub http: bool,
}

fn yes() -> bool {
    true
}

/// Who may send and read. Without token keys everybody who reaches the HTTP address may read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IdentityFiles {
    /// File of the fleet keys, made at the first start; gateways of one fleet share its content. Default: `fleet.keys`
    /// in the data folder.
    pub fleet_keys: Option<PathBuf>,
    /// Files and folders of the keys that tokens are checked with. None: tokens are off.
    pub token_keys: Vec<PathBuf>,
    /// File with the ids of agents that are refused, one a line. None: nobody is.
    pub denied_agents: Option<PathBuf>,
    /// Seconds that a session key handed to an agent lives at most; 0 is refused.
    pub session_lifetime_s: u64,
}

/// Addresses to listen on; all on loopback unless said otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// Console and HTTP API.
    pub http: SocketAddr,
    /// Sealed batches by UDP.
    pub batch: SocketAddr,
    /// StatsD by UDP; `"off"` for none.
    pub statsd: Switched,
}

/// When the sink makes its work durable and shared windows visible.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SinkConfig {
    /// Seconds between checkpoints. Shorter makes restarts quicker and the disk busier; 0 is refused.
    pub checkpoint_interval_s: u64,
    /// Seconds that a window of a shared series waits for late parts after its end. 0 closes at once.
    pub lateness_s: u64,
    /// Hours of silence after which an agent is forgotten; what it then brings of older windows is left out, because it
    /// may have been counted. 0 is refused. Default: 168, as long as raw samples are kept.
    pub forget_agents_after_h: u64,
    /// The same for short-lived jobs, which try for an hour; less than 2 is refused. Default: 2.
    pub forget_jobs_after_h: u64,
}

/// An address, or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Switched(pub Option<SocketAddr>);

impl TryFrom<String> for Switched {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Switched {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            address => match address.parse() {
                Ok(address) => Ok(Self(Some(address))),
                Err(_) => Err(format!("{address:?} is neither an address such as 127.0.0.1:8125 nor \"off\"")),
            },
        }
    }
}

impl std::fmt::Display for Switched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("off"),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: default_data(),
            listen: Listen::default(),
            queue: QueueSettings::default(),
            tls: None,
            identity: IdentityFiles::default(),
            sink: SinkConfig::default(),
            store: StoreSettings::default(),
            gateway: GatewaySettings::default(),
            statsd: StatsdSettings::default(),
            admission: AdmissionSettings::default(),
            file: None,
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { http: loopback(8641), batch: loopback(8640), statsd: Switched(Some(loopback(8125))) }
    }
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { folder: None, writer: "up".into() }
    }
}

impl Default for IdentityFiles {
    fn default() -> Self {
        Self { fleet_keys: None, token_keys: Vec::new(), denied_agents: None, session_lifetime_s: 3_600 }
    }
}

impl SinkConfig {
    fn check(&self) -> Result<(), String> {
        if self.checkpoint_interval_s == 0 {
            return Err("sink.checkpoint_interval_s: 0 would checkpoint without pause; give at least 1".into());
        }
        if self.forget_agents_after_h == 0 {
            return Err("sink.forget_agents_after_h: 0 would forget agents between two batches; 168 is usual".into());
        }
        if self.forget_jobs_after_h < 2 {
            return Err("sink.forget_jobs_after_h: jobs try for an hour; give at least 2".into());
        }
        Ok(())
    }

    /// How long silent senders are remembered: not shorter than the sessions that their tokens' limits and labels are for.
    pub(crate) fn memory(&self, session_lifetime_s: u64) -> weir_sink::Memory {
        let hours =
            |hours: u64| Duration::from_secs(hours.saturating_mul(3_600).max(session_lifetime_s.saturating_add(3_600)));
        weir_sink::Memory { agents: hours(self.forget_agents_after_h), jobs: hours(self.forget_jobs_after_h) }
    }
}

impl Default for SinkConfig {
    fn default() -> Self {
        Self { checkpoint_interval_s: 30, lateness_s: 30, forget_agents_after_h: 168, forget_jobs_after_h: 2 }
    }
}

fn default_data() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share"));
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(home);
    base.unwrap_or_else(|| PathBuf::from("/var/lib")).join("weir")
}

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct UpArgs {
    /// Configuration file
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder of keys, queue and store
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Address of the console and the HTTP API
    #[arg(long)]
    pub http: Option<SocketAddr>,
    /// Address for sealed batches
    #[arg(long)]
    pub batch: Option<SocketAddr>,
    /// Address for StatsD, or "off"
    #[arg(long)]
    pub statsd: Option<Switched>,
    /// Folder of the queue, where it is not in the data folder
    #[arg(long)]
    pub queue: Option<PathBuf>,
    /// Name of this gateway's log in the queue; each gateway has its own
    #[arg(long)]
    pub writer: Option<String>,
    /// File of the fleet keys, where it is not in the data folder
    #[arg(long)]
    pub keys: Option<PathBuf>,
}

impl Config {
    /// The file, if one is named, with the flags laid over it.
    pub(crate) fn load(args: &UpArgs) -> Result<Self> {
        let mut config = match &args.config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        config.file.clone_from(&args.config);
        config.data = args.data.clone().unwrap_or(config.data);
        config.listen.http = args.http.unwrap_or(config.listen.http);
        config.listen.batch = args.batch.unwrap_or(config.listen.batch);
        config.listen.statsd = args.statsd.unwrap_or(config.listen.statsd);
        config.queue.folder = args.queue.clone().or(config.queue.folder);
        config.queue.writer = args.writer.clone().unwrap_or(config.queue.writer);
        config.identity.fleet_keys = args.keys.clone().or(config.identity.fleet_keys);
        Ok(config)
    }

    /// The folder that gateways write and the sink reads.
    pub(crate) fn queue_folder(&self) -> PathBuf {
        self.queue.folder.clone().unwrap_or_else(|| self.data.join("queue"))
    }

    /// The file from which agents on this host may take their key.
    pub(crate) fn fleet_keys(&self) -> PathBuf {
        self.identity.fleet_keys.clone().unwrap_or_else(|| self.data.join("fleet.keys"))
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).map_err(|error| anyhow!("{}: {error}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        config.sink.check()?;
        config.store.check()?;
        config.gateway.check()?;
        if config.identity.session_lifetime_s == 0 {
            return Err("identity.session_lifetime_s: 0 would expire every key at once; 3600 is usual".into());
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_valid_and_what_it_shows_are_the_defaults() {
        const EXAMPLE: &str = include_str!("../../weir.toml");
        Config::parse(EXAMPLE).unwrap();
        let uncomment =
            |line: &'static str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
        let full: Vec<_> = EXAMPLE.lines().map(uncomment).collect();
        let (full, usual) = (Config::parse(&full.join("\n")).unwrap(), Config::default());
        let listen = |config: &Config| (config.listen.http, config.listen.batch, config.listen.statsd);
        assert_eq!(listen(&full), listen(&usual));
        let sink = |config: &Config| (config.sink.checkpoint_interval_s, config.sink.lateness_s, config.sink.memory(0));
        assert_eq!(sink(&full), sink(&usual));
        let cold = full.store.cold.clone().unwrap();
        assert_eq!((cold.check(), cold.after.as_secs(), cold.cache), (Ok(()), 3 * 86_400, 1 << 30));
        assert_eq!(StoreSettings { cold: None, retention: Vec::new(), ..full.store }, usual.store);
        assert_eq!(full.queue.writer, usual.queue.writer);
        assert_eq!(full.identity.session_lifetime_s, usual.identity.session_lifetime_s);
        let statsd = |config: &Config| {
            let StatsdSettings { networks, threads, receive_buffer_bytes, max_series, .. } = config.statsd.clone();
            (format!("{networks:?}"), threads, receive_buffer_bytes, max_series, config.statsd.max_series_per_metric)
        };
        assert_eq!(statsd(&full), statsd(&usual));
        assert_eq!(format!("{:?}", full.gateway), format!("{:?}", usual.gateway));
        assert_eq!(full.admission.sink.rules.len(), 2);
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let config = Config::parse("").unwrap();
        assert_eq!(config.listen.batch, "127.0.0.1:8640".parse().unwrap());
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let check = |text: &str, expected: &str| {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check("listen.htp = \"127.0.0.1:1\"", "unknown field `htp`");
        check("\n[listen]\nstatsd = \"nowhere\"", "line 3");
        check("sink.checkpoint_interval_s = 0", "give at least 1");
        check("sink.forget_agents_after_h = 0", "168 is usual");
        check("sink.forget_jobs_after_h = 1", "give at least 2");
        check("store.raw_retention_h = 0", "168 is usual");
        check("gateway.cpu_cores = -0.5", "0.5 is half of one");
        check("statsd.networks = [\"10.0.0.0/40\"]", "\"10.0.0.0/40\" is not a network");
    }

    #[test]
    fn flags_stand_over_the_file() {
        let args = UpArgs { statsd: Some("off".parse().unwrap()), data: Some("/tmp/x".into()), ..UpArgs::default() };
        let config = Config::load(&args).unwrap();
        assert_eq!((config.listen.statsd, config.data), (Switched(None), PathBuf::from("/tmp/x")));
    }
}
