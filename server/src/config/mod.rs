//! `weir.toml` and the flags that stand over it, a file per section.

mod admission;
mod alerting;
mod cold;
mod engines;
mod events;
mod flags;
mod gateway;
mod graphite;
mod identity;
mod listen;
mod mistake;
mod query;
mod queue;
mod sink;
mod statsd;
mod store;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use weir_identity::IdentityConfig;
use weir_link::ServerTls;

use crate::api::dashboards::ConsoleSettings;
use crate::api::write::OtlpSettings;
#[cfg(feature = "kafka")]
use crate::host;
pub(crate) use admission::AdmissionSettings;
pub(crate) use alerting::{AlertingSettings, Routes};
use cold::ColdSettings;
#[cfg(test)]
pub(crate) use engines::TierName;
pub(crate) use engines::{BackendSettings, EngineKind, EngineSettings, backends};
use events::EventsSettings;
pub(crate) use flags::UpArgs;
use gateway::GatewaySettings;
use graphite::GraphiteSettings;
use identity::{IdentityFiles, TlsFiles};
pub(crate) use listen::{Listen, Switched};
pub(crate) use mistake::Mistake;
use query::QuerySettings;
use queue::QueueSettings;
use sink::SinkConfig;
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
    pub query: QuerySettings,
    pub store: StoreSettings,
    pub gateway: GatewaySettings,
    pub statsd: StatsdSettings,
    pub admission: AdmissionSettings,
    pub alerting: AlertingSettings,
    pub otlp: OtlpSettings,
    pub graphite: GraphiteSettings,
    pub events: EventsSettings,
    pub console: ConsoleSettings,
    /// Where all this was read.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// What a running server takes up from its file; other keys are read over.
#[derive(Deserialize)]
struct Reloaded {
    #[serde(default)]
    admission: AdmissionSettings,
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
            query: QuerySettings::default(),
            store: StoreSettings::default(),
            gateway: GatewaySettings::default(),
            statsd: StatsdSettings::default(),
            admission: AdmissionSettings::default(),
            alerting: AlertingSettings::default(),
            otlp: OtlpSettings::default(),
            graphite: GraphiteSettings::default(),
            events: EventsSettings::default(),
            console: ConsoleSettings::default(),
            file: None,
        }
    }
}

fn default_data() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share"));
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(home);
    base.unwrap_or_else(|| PathBuf::from("/var/lib")).join("weir")
}

impl Config {
    /// The file, if one is named, with the flags laid over it.
    pub(crate) fn load(args: &UpArgs) -> Result<Self> {
        let mut config = match &args.config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        config.data = args.data.clone().unwrap_or(config.data);
        config.listen.http = args.http.unwrap_or(config.listen.http);
        config.listen.batch = args.batch.unwrap_or(config.listen.batch);
        config.listen.statsd = args.statsd.unwrap_or(config.listen.statsd);
        config.listen.otlp_grpc = args.otlp_grpc.unwrap_or(config.listen.otlp_grpc);
        config.listen.check().map_err(anyhow::Error::msg)?;
        config.queue.folder = args.queue.clone().or(config.queue.folder);
        if let Some(kafka) = &mut config.queue.kafka {
            kafka.group = args.group.clone().unwrap_or_else(|| kafka.group.clone());
            kafka.share = args.share.clone().or(kafka.share.take());
        }
        config.alerting.advertise = args.advertise.clone().or(config.alerting.advertise);
        config.queue.check().map_err(anyhow::Error::msg)?;
        config.queue.writer = args.writer.clone().unwrap_or(config.queue.writer);
        config.identity.fleet_keys = args.keys.clone().or(config.identity.fleet_keys);
        Ok(config)
    }

    /// The folder that gateways write and the sink reads.
    pub(crate) fn queue_folder(&self) -> PathBuf {
        self.queue.folder.clone().unwrap_or_else(|| self.data.join("queue"))
    }

    /// The folder of dashboards that people have made.
    pub(crate) fn dashboards(&self) -> PathBuf {
        self.console.folder(&self.data, &self.folder())
    }

    /// The folder that paths in `[alerting]` are relative to: the file's.
    pub(crate) fn folder(&self) -> PathBuf {
        self.file.as_deref().and_then(Path::parent).map(Path::to_owned).unwrap_or_default()
    }

    /// Where this process is reached by HTTP, as far as it knows.
    pub(crate) fn http_url(&self) -> String {
        let scheme = if self.tls.as_ref().is_some_and(|tls| tls.http) { "https" } else { "http" };
        format!("{scheme}://{}", self.listen.http)
    }

    /// Where other processes find this one.
    #[cfg(feature = "kafka")]
    pub(crate) fn advertised(&self) -> String {
        let own = || {
            let url = self.http_url();
            match self.listen.http.ip().is_unspecified() {
                true => url.replace(&self.listen.http.ip().to_string(), &host::name()).replace(['[', ']'], ""),
                false => url,
            }
        };
        self.alerting.advertise.clone().unwrap_or_else(own).trim_end_matches('/').to_owned()
    }

    /// The file from which agents on this host may take their key.
    pub(crate) fn fleet_keys(&self) -> PathBuf {
        self.identity.fleet_keys.clone().unwrap_or_else(|| self.data.join("fleet.keys"))
    }

    /// What identities are made of here.
    pub(crate) fn identity(&self) -> IdentityConfig {
        IdentityConfig {
            fleet_keys: self.fleet_keys(),
            denied_agents: self.identity.denied_agents.clone(),
            token_keys: self.identity.token_keys.clone(),
            session_lifetime: Duration::from_secs(self.identity.session_lifetime_s),
        }
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let mut config = Self::parse(&text).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        config.file = Some(path.to_owned());
        let old = crate::units::old_keys(&text);
        if !old.is_empty() {
            let (keys, hint) = (old.join(", "), "write lateness = \"30s\", cache = \"256MiB\", as everywhere");
            tracing::warn!(keys, hint, "keys with a unit in their name are old, and go on");
        }
        if config.store.cold.as_ref().is_some_and(ColdSettings::holds_a_secret) {
            let hint = "[store.cold] options hold a secret; keep it to its owner, or give it by AWS_… variables";
            weir_files::read_secret(path).context(hint)?;
        }
        Ok(config)
    }

    /// The section `[admission]`, and what is wrong in the rest of the file, which only the next start would stumble over.
    pub(crate) fn read_admission(path: &Path) -> Result<(AdmissionSettings, Option<Mistake>)> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let Reloaded { admission } = toml::from_str(&text).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        let rest = match toml::from_str::<Self>(&text) {
            Ok(config) => config.check().err().map(|problem| Mistake::checked(&problem)),
            Err(error) => Some(Mistake::parsed(&text, &error)),
        };
        Ok((admission, rest))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check()?;
        Ok(config)
    }

    /// What is wrong with the files that the configuration names, one sentence for each.
    pub(crate) fn wrong_files(&self) -> Vec<String> {
        let mut wrong = self.identity().wrong_files();
        let tls = self.tls.as_ref().map(|tls| ServerTls::load(tls.files()));
        wrong.extend(tls.and_then(Result::err).map(|error| error.to_string()));
        wrong.extend(self.queue.wrong_files());
        wrong.extend(self.alerting.wrong_files(&self.folder()));
        wrong
    }

    fn check(&self) -> Result<(), String> {
        self.listen.check()?;
        self.queue.check()?;
        self.sink.check()?;
        self.query.check()?;
        self.store.check()?;
        self.gateway.check()?;
        self.alerting.check()?;
        self.events.check()?;
        self.identity.check()
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
        let (mut full, usual) = (toml::from_str::<Config>(&full.join("\n")).unwrap(), Config::default());
        // A queue is a folder or Kafka's.
        let shown = full.queue.kafka.take().unwrap();
        // A front asks copies, or evaluates over engines.
        assert_eq!(std::mem::take(&mut full.query.engines).len(), 1);
        full.check().unwrap();
        let kafka: queue::KafkaSettings = toml::from_str("brokers = 'a:1'").unwrap();
        let names = |kafka: &queue::KafkaSettings| (kafka.prefix.clone(), kafka.group.clone());
        assert_eq!(names(&shown), names(&kafka));
        assert_eq!(
            (shown.linger_ms, shown.accept_lost_records, shown.tls.is_some(), shown.share.as_deref()),
            (kafka.linger_ms, kafka.accept_lost_records, true, Some("0/1"))
        );
        assert_eq!(shown.sasl.unwrap().mechanism, "SCRAM-SHA-512");
        let listen = |config: &Config| {
            (config.listen.http, config.listen.batch, config.listen.statsd, config.listen.hosts.clone())
        };
        assert_eq!(listen(&full), listen(&usual));
        let sink = |config: &Config| {
            let sink = &config.sink;
            (sink.checkpoint_interval_s, sink.lateness_s, sink.memory(0), sink.max_exemplars)
        };
        assert_eq!(sink(&full), sink(&usual));
        assert_eq!(full.query.copies.len(), 2);
        assert_eq!(QuerySettings { copies: Vec::new(), ..full.query.clone() }, usual.query);
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
        assert_eq!((full.gateway.disk_bytes, usual.gateway.disk_bytes), (Some(10 << 30), None), "it follows the disk");
        let gateway = GatewaySettings { disk_bytes: None, ..full.gateway };
        assert_eq!(format!("{gateway:?}"), format!("{:?}", usual.gateway));
        assert_eq!(full.admission.sink.rules.len(), 2);
        let networks = |config: &Config| {
            (format!("{:?}", config.graphite.networks), config.listen.graphite, config.listen.otlp_grpc)
        };
        assert_eq!(networks(&full), networks(&usual));
        assert_eq!(full.events, usual.events);
        assert!(full.console.dashboards.is_some() && usual.console.dashboards.is_none());
        assert_eq!(full.otlp.promote_resource_attributes, ["k8s.namespace.name"]);
        let AlertingSettings { rules, config, state, wait, external_url, .. } = &full.alerting;
        let AlertingSettings { source, write, token, heartbeat, .. } = &full.alerting;
        assert_eq!((rules.len(), config.is_some(), state.is_some(), wait.is_some()), (1, true, true, true));
        assert!(
            external_url.is_some()
                && [source, write].iter().all(|url| url.is_some())
                && token.is_some()
                && heartbeat.is_some()
                && !full.alerting.save_rules
                && usual.alerting == AlertingSettings::default()
        );
        let times = |alerting: &AlertingSettings| (alerting.interval, alerting.catch_up);
        assert_eq!(times(&full.alerting), times(&usual.alerting));
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
        check("events.keep_days = 0", "per_minute = 0 keeps none");
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
