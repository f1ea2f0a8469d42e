//! The running roles of this process: a gateway with its queue, a sink with its store, or both.

mod backends;
mod gateway;
mod sink;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use weir_gateway::{HttpStream, StreamConfig};
use weir_identity::Identity;
use weir_link::ServerTls;
use weir_meters::{clock, process};
use weir_query::Engine;
use weir_queue::{Log, LogConfig};
use weir_sample::Reading;
use weir_sink::FleetStatus;

use super::expiry;
use super::reload::Reloadable;
use crate::alerting::Alerting;
use crate::api::write;
use crate::clock::now;
use crate::config::{AdmissionSettings, Config};
use crate::front::{Copies, Engines};
use crate::serving::{Descriptors, HandedOver, Serving};
use gateway::GatewayRole;
pub(super) use sink::SinkRole;

/// What a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Gateway and sink.
    Everything,
    /// Receives batches and StatsD into the queue.
    Gateway,
    /// Writes from the queue into the store, and answers queries.
    Sink,
    /// Evaluates rules over another system.
    Alert,
    /// Sends questions to copies.
    Front,
}

/// What runs.
pub(crate) struct Roles {
    pub identity: Arc<Identity>,
    pub tls: Option<Arc<ServerTls>>,
    gateway: Option<GatewayRole>,
    pub sink: Option<SinkRole>,
    /// Rules and who is told, where there is a sink and rules are named.
    pub alerting: Option<Alerting>,
    /// The copies that questions go to.
    pub front: Option<Arc<Copies>>,
    /// The engines that a front evaluates over.
    pub engines: Option<(Arc<Engines>, Engine)>,
    /// What tokens grant, where a sink gives sessions without a gateway: its own log in the queue that it reads.
    grants: Option<Arc<Log>>,
    config_file: Option<Reloadable>,
    /// What remote write and other protocols brought.
    pub written: write::AllCounters,
    /// Its HTTP connections.
    pub serving: Arc<Serving>,
}

/// HTTP connections that arrive at the port of batches wait here for their turn, at most so many.
const WAITING_CONNECTIONS: usize = 64;

/// The name of a sink's log. A queue has one sink; no gateway may have this name.
const GRANTS: &str = "sink-grants";

impl Roles {
    /// Opens, binds and starts what a role takes. The second result brings the HTTP connections that arrive at
    /// the port of batches.
    pub(crate) fn start(config: &Config, role: Role, descriptors: Descriptors) -> Result<(Self, HandedOver)> {
        if role == Role::Alert {
            config.alerting.check_alone().map_err(anyhow::Error::msg)?;
        }
        anyhow::ensure!(
            role != Role::Front || !config.query.copies.is_empty() || !config.query.engines.is_empty(),
            "a front needs query.copies, such as [\"http://sink-a:8641\", \"http://sink-b:8641\"], or [[query.engine]] with its url"
        );
        // What can be wrong without a folder is looked at before there is one.
        let tls = config.tls.as_ref().map(|tls| ServerTls::load(tls.files()).map(Arc::new)).transpose()?;
        if !config.data.exists() && matches!(role, Role::Everything | Role::Gateway) {
            GatewayRole::ports_are_free(config)?;
        }
        weir_files::own_folder(&config.data)?;
        let identity = Arc::new(Identity::open(config.identity(), now())?);
        let (http, handed_over) = flume::bounded(WAITING_CONNECTIONS);
        // The store is opened first: a second process on the same folder must not start to take batches.
        let sink = matches!(role, Role::Everything | Role::Sink).then(|| SinkRole::start(config)).transpose()?;
        let gateway = matches!(role, Role::Everything | Role::Gateway).then(|| {
            let streams = tls.clone().map(|tls| stream_config(tls, http, descriptors));
            GatewayRole::start(config, &identity, streams)
        });
        let gateway = gateway.transpose()?;
        let gives_sessions = role == Role::Sink && identity.tokens.is_some();
        let has_own_log = gives_sessions || role == Role::Sink && config.alerting.is_on();
        let own = has_own_log.then(|| open_own(config).map(Arc::new));
        let (own, config_file) = (own.transpose()?, config.file.clone().map(Reloadable::new));
        let queue = gateway.as_ref().map(|gateway| &gateway.log).or(own.as_ref());
        let here = sink.as_ref().zip(queue).filter(|_| config.alerting.is_on());
        let here = here.map(|(sink, queue)| sink.ground_of_rules(queue.clone()));
        let alerting = (here.is_some() || role == Role::Alert).then(|| Alerting::start(config, here));
        let alerting = alerting.transpose().context("starting alerting")?;
        // A log that is for rules alone takes nothing from outside.
        let grants = own.filter(|_| gives_sessions);
        let (written, serving) = (write::AllCounters::default(), Serving::new(descriptors.http));
        let is_front = role == Role::Front;
        let engines = (is_front && !config.query.engines.is_empty()).then(|| {
            let query = &config.query;
            let timeout = Duration::from_secs(query.timeout_s);
            (Arc::new(Engines::new(&query.engines, query.partial, timeout)), Engine::new(query.limits()))
        });
        let front = (is_front && engines.is_none()).then(|| Copies::start(&config.query.copies).map(Arc::new));
        let front = front.transpose().context("starting to look at copies")?;
        let roles =
            Self { identity, tls, gateway, sink, alerting, front, engines, grants, config_file, written, serving };
        roles.set_admission(&config.admission);
        Ok((roles, handed_over))
    }

    /// What fails and keeps nobody from asking; or why this process should get no requests.
    pub(crate) fn ready(&self) -> Result<Vec<String>, String> {
        self.gateway.as_ref().map_or(Ok(()), GatewayRole::ready)?;
        let mut troubles = self.sink.as_ref().map_or(Ok(Vec::new()), SinkRole::ready)?;
        troubles.extend(self.alerting.iter().flat_map(Alerting::troubles));
        troubles.extend(self.engines.iter().filter_map(|(engines, _)| engines.trouble()));
        troubles.extend(self.front.as_ref().map_or(Ok(Vec::new()), |copies| copies.ready())?);
        Ok(troubles)
    }

    /// The telemetry of all that runs here.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let mut readings =
            [self.identity.readings(), process::readings(), process::thread_readings(), clock::readings()].concat();
        readings.extend(self.serving.readings());
        readings.extend(self.tls.iter().flat_map(|tls| expiry::readings(tls.files())));
        if let Some(gateway) = &self.gateway {
            readings.extend(gateway.readings());
        }
        readings.extend(self.queue().iter().flat_map(|log| [log.readings(), self.written.readings()].concat()));
        if let Some(sink) = &self.sink {
            readings.extend(sink.readings());
        }
        readings.extend(self.alerting.iter().flat_map(Alerting::readings));
        let of_engines = self.engines.iter();
        readings.extend(of_engines.flat_map(|(engines, engine)| [engines.readings(), engine.readings()].concat()));
        readings.extend(self.front.iter().flat_map(|copies| copies.readings()));
        readings
    }

    /// The telemetry of its gateway; none where no gateway runs.
    pub(crate) fn gateway_readings(&self) -> Vec<Reading> {
        self.gateway.as_ref().map(GatewayRole::readings).unwrap_or_default()
    }

    /// The fleet in one line, or one tenant's part of it, where a sink runs.
    pub(crate) fn fleet(&self, tenant: Option<u32>) -> Option<FleetStatus> {
        self.sink.as_ref().map(|sink| sink.fleet(tenant))
    }

    /// Ids that two agents use at once, of all tenants or of one, where a gateway runs.
    pub(crate) fn cloned_agents(&self, tenant: Option<u32>) -> usize {
        self.gateway.as_ref().map_or(0, |gateway| gateway.cloned_agents(tenant))
    }

    /// Where batches arrive, where a gateway runs.
    pub(crate) fn batch_address(&self) -> Option<SocketAddr> {
        self.gateway.as_ref().map(GatewayRole::batch_address)
    }

    /// Lets go of agents, ends rules, then stores what both have sent.
    pub(crate) fn drain(&self) -> Result<()> {
        if let Some(gateway) = &self.gateway {
            gateway.drain();
        }
        if let Some(alerting) = &self.alerting {
            alerting.stop();
        }
        if let Some(log) = self.queue() {
            log.flush().context("making the queue durable")?;
        }
        if let Some(sink) = &self.sink {
            sink.drain()?;
        }
        Ok(())
    }

    /// Puts rules and limits in force.
    fn set_admission(&self, settings: &AdmissionSettings) {
        if let Some(gateway) = &self.gateway {
            gateway.set_shedding(settings.shed.clone());
        }
        if let Some(sink) = &self.sink {
            sink.admission().set(settings.sink.clone());
        }
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
        self.alerting.iter().filter(|_| all).for_each(Alerting::reload);
        let admission = settings.map(|settings| ("admission", settings.map(|settings| self.set_admission(&settings))));
        for (set, outcome) in sets.chain(tls.collect::<Vec<_>>()).chain(admission) {
            match outcome {
                Ok(()) => tracing::info!(set, "reloaded"),
                Err(error) => tracing::error!(set, %error, "not reloaded, the old one stays in force"),
            }
        }
    }
}

/// A sink's own log.
fn open_own(config: &Config) -> Result<Log> {
    #[cfg(feature = "kafka")]
    if let Some(kafka) = &config.queue.kafka {
        return Ok(Log::Kafka(weir_queue::kafka::Log::connect(&kafka.cluster()?, GRANTS)?));
    }
    Ok(Log::open(&config.queue_folder(), GRANTS, LogConfig::default())?)
}

/// Streams as usual, as far as there are descriptors for them.
fn stream_config(tls: Arc<ServerTls>, http: flume::Sender<HttpStream>, descriptors: Descriptors) -> StreamConfig {
    let usual = StreamConfig::new(tls);
    let max_connections = usual.max_connections.min(descriptors.streams);
    StreamConfig { http: Some(http), max_connections, ..usual }
}
