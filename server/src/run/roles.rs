//! The running roles of this process: a gateway with its queue, a sink with its store, or both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use weir_gateway::{Admission, Gateway, GatewayConfig, Running, StreamConfig};
use weir_identity::{Identity, IdentityConfig};
use weir_link::{ServerFiles, ServerTls, UdpConfig};
use weir_meters::process;
use weir_query::Engine;
use weir_queue::{Log, LogConfig};
use weir_sample::Reading;
use weir_sink::{FleetStatus, Service, ServiceConfig, Sink, SinkConfig};
use weir_store::Store;

use super::listener::HandedOver;
use super::mover::Mover;
use super::reload::Reloadable;
use crate::api::write;
use crate::clock::now;
use crate::config::{AdmissionSettings, Config};

/// What a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Gateway and sink.
    Everything,
    /// Receives batches and StatsD into the queue.
    Gateway,
    /// Writes from the queue into the store, and answers queries.
    Sink,
}

/// What runs.
pub(crate) struct Roles {
    pub identity: Arc<Identity>,
    pub tls: Option<Arc<ServerTls>>,
    pub gateway: Option<GatewayRole>,
    pub storage: Option<SinkRole>,
    /// What tokens grant, where a sink gives sessions without a gateway: its own log in the queue that it reads.
    grants: Option<Arc<Log>>,
    config_file: Option<Reloadable>,
    /// What remote write brought.
    pub remote_write: Arc<write::Counters>,
}

pub(crate) struct GatewayRole {
    log: Arc<Log>,
    running: Running,
}

pub(crate) struct SinkRole {
    pub store: Arc<Store>,
    /// Evaluates queries; its readings are this process' too.
    pub engine: Engine,
    sink: Service,
    /// Where there is an object store for old blocks.
    mover: Option<Mover>,
}

/// HTTP connections that arrive at the port of batches wait here for their turn, at most so many.
const WAITING_CONNECTIONS: usize = 64;

/// The name of a sink's log. A queue has one sink; no gateway may have this name.
const GRANTS: &str = "sink-grants";

impl Roles {
    /// Opens, binds and starts what a role takes. The second result brings the HTTP connections that arrive at
    /// the port of batches.
    pub(crate) fn start(config: &Config, role: Role) -> Result<(Self, HandedOver)> {
        std::fs::create_dir_all(&config.data).with_context(|| format!("making {}", config.data.display()))?;
        let identity = Arc::new(Identity::open(identity_config(config), now())?);
        let tls = config.tls.as_ref().map(|tls| ServerTls::load(files(tls)).map(Arc::new)).transpose()?;
        let (http, handed_over) = HandedOver::channel(config.listen.batch, WAITING_CONNECTIONS);
        // The store is opened first: a second process on the same folder must not start to take batches.
        let storage = (role != Role::Gateway).then(|| SinkRole::start(config)).transpose()?;
        let gateway = (role != Role::Sink).then(|| {
            let streams = tls.clone().map(|tls| StreamConfig { http: Some(http), ..StreamConfig::new(tls) });
            GatewayRole::start(config, &identity, streams)
        });
        let gateway = gateway.transpose()?;
        let gives_sessions = role == Role::Sink && identity.tokens.is_some();
        let grants =
            gives_sessions.then(|| Log::open(&config.queue_folder(), GRANTS, LogConfig::default()).map(Arc::new));
        let (grants, config_file) = (grants.transpose()?, config.file.clone().map(Reloadable::new));
        let remote_write = Arc::default();
        let roles = Self { identity, tls, gateway, storage, grants, config_file, remote_write };
        roles.set_admission(&config.admission);
        Ok((roles, handed_over))
    }

    /// Why this process should get no requests, if so.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if self.gateway.as_ref().is_some_and(|gateway| !gateway.running.ready()) {
            return Err("the gateway drains, or the queue takes no records: see weir_queue_healthy".into());
        }
        self.storage.as_ref().map_or(Ok(()), |storage| storage.sink.ready())
    }

    /// The telemetry of all that runs here.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let mut readings = [self.identity.readings(), process::readings(), process::thread_readings()].concat();
        if let Some(gateway) = &self.gateway {
            readings.extend(gateway.running.readings());
        }
        readings.extend(self.queue().iter().flat_map(|log| [log.readings(), self.remote_write.readings()].concat()));
        if let Some(storage) = &self.storage {
            readings.extend([storage.sink.readings(), storage.store.readings(), storage.engine.readings()].concat());
        }
        readings
    }

    /// The fleet in one line, where a sink runs.
    pub(crate) fn fleet(&self) -> Option<FleetStatus> {
        self.storage.as_ref().map(|storage| storage.sink.fleet())
    }

    /// Where batches arrive, where a gateway runs.
    pub(crate) fn batch_address(&self) -> Option<SocketAddr> {
        self.gateway.as_ref().map(|gateway| gateway.running.batch_address())
    }

    /// Lets go of agents, then stores what they have sent.
    pub(crate) fn drain(&self) -> Result<()> {
        if let Some(gateway) = &self.gateway {
            gateway.running.drain();
        }
        if let Some(log) = self.queue() {
            log.flush().context("making the queue durable")?;
        }
        if let Some(storage) = &self.storage {
            storage.sink.drain().context("storing what is left in the queue")?;
            storage.mover.iter().for_each(Mover::stop);
        }
        Ok(())
    }

    /// Puts rules and limits in force.
    fn set_admission(&self, settings: &AdmissionSettings) {
        if let Some(gateway) = &self.gateway {
            gateway.running.set_gate(settings.gate.clone());
        }
        if let Some(storage) = &self.storage {
            storage.sink.admission().set(settings.sink.clone());
        }
    }

    /// The rules and limits of series, where a sink runs.
    pub(crate) fn admission(&self) -> Option<Arc<weir_sink::Admission>> {
        self.storage.as_ref().map(|storage| storage.sink.admission())
    }

    /// The log of this process, if it writes to the queue.
    pub(crate) fn queue(&self) -> Option<Arc<Log>> {
        self.gateway.as_ref().map(|gateway| &gateway.log).or(self.grants.as_ref()).map(Arc::clone)
    }

    /// Reads keys, lists, certificates and the section `[admission]` again: all of them, or those whose files have changed.
    /// The rest of the configuration file takes a restart.
    pub(crate) fn reload(&self, all: bool) {
        let sets = if all { self.identity.reload() } else { self.identity.reload_changed() };
        let tls = self.tls.iter().filter(|tls| all || tls.has_changed());
        let tls = tls.map(|tls| ("certificates", tls.reload().map_err(|error| error.to_string())));
        let sets = sets.into_iter().map(|(set, outcome)| (set, outcome.map_err(|error| error.to_string())));
        let settings = self.config_file.as_ref().and_then(|file| file.settings(all));
        let admission = settings.map(|settings| ("admission", settings.map(|settings| self.set_admission(&settings))));
        for (set, outcome) in sets.chain(tls.collect::<Vec<_>>()).chain(admission) {
            match outcome {
                Ok(()) => tracing::info!(set, "reloaded"),
                Err(error) => tracing::error!(set, %error, "not reloaded, the old one stays in force"),
            }
        }
    }
}

impl GatewayRole {
    fn start(config: &Config, identity: &Identity, streams: Option<StreamConfig>) -> Result<Self> {
        let log = Arc::new(Log::open(
            &config.queue_folder(),
            &config.queue.writer,
            LogConfig { disk_bytes: config.gateway.disk_bytes, ..LogConfig::default() },
        )?);
        let gateway = GatewayConfig {
            batch: config.listen.batch,
            statsd: config.listen.statsd.0.map(|address| config.statsd.at(address)),
            streams,
            ..config.gateway.config()
        };
        let inherited = weir_link::inherited(&UdpConfig { reuse_port: true, ..UdpConfig::default() });
        let inherited = inherited.context("taking over the sockets of the service manager")?;
        let bound = Gateway::bind_or_adopt(gateway, Admission::from(identity), log.clone(), inherited);
        let running = bound.context("binding the gateway's addresses")?.start()?;
        Ok(Self { log, running })
    }
}

impl SinkRole {
    fn start(config: &Config) -> Result<Self> {
        let (store, saved) = Store::open(&config.data.join("store"), config.store.open()?)?;
        let store = Arc::new(store);
        let lateness = Duration::from_secs(config.sink.lateness_s);
        let memory = config.sink.memory(config.identity.session_lifetime_s);
        let sink = SinkConfig { queue: config.queue_folder(), lateness, memory };
        let sink = Sink::open(&sink, store.clone(), &saved)?;
        let checkpoint_interval = Duration::from_secs(config.sink.checkpoint_interval_s);
        let sink = Service::start(sink, ServiceConfig { checkpoint_interval }).context("starting the sink")?;
        let mover = config.store.cold.is_some().then(|| Mover::start(store.clone())).transpose()?;
        Ok(Self { store, engine: Engine::default(), sink, mover })
    }
}

fn identity_config(config: &Config) -> IdentityConfig {
    IdentityConfig {
        fleet_keys: config.fleet_keys(),
        denied_agents: config.identity.denied_agents.clone(),
        token_keys: config.identity.token_keys.clone(),
        session_lifetime: Duration::from_secs(config.identity.session_lifetime_s),
    }
}

fn files(tls: &crate::config::TlsFiles) -> ServerFiles {
    ServerFiles {
        certificates: tls.certificates.clone(),
        key: tls.key.clone(),
        client_authorities: tls.client_authorities.clone(),
    }
}
