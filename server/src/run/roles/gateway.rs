//! The role of a gateway: batches and StatsD come in, the queue has them.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use weir_gateway::{Access, Gateway, GatewayConfig, Running, ShedConfig, StreamConfig};
use weir_identity::Identity;
use weir_link::{UdpConfig, UdpSocket};
use weir_queue::{Follow, Log, LogConfig};
use weir_sample::Reading;

use crate::config::Config;

/// A gateway that runs, and its log in the queue.
pub(crate) struct GatewayRole {
    pub(super) log: Arc<Log>,
    running: Running,
}

const MEND: &str = "binding the gateway's addresses (--batch and --statsd name others)";

impl GatewayRole {
    /// Whether nobody else has the ports of a first start, which is to leave no folder behind if it fails. Those that the
    /// service manager holds are its own matter.
    pub(super) fn ports_are_free(config: &Config) -> Result<()> {
        if std::env::var_os("LISTEN_FDS").is_some() {
            return Ok(());
        }
        let statsd = config.listen.statsd.0.map(|address| config.statsd.at(address).addresses).unwrap_or_default();
        for address in std::iter::once(config.listen.batch).chain(statsd).filter(|address| address.port() != 0) {
            // Alone: a port that another shares would be divided with it.
            UdpSocket::bind(address, &UdpConfig { reuse_port: false, ..UdpConfig::default() }).context(MEND)?;
        }
        Ok(())
    }

    /// Opens the log, binds or adopts the sockets, and starts to receive.
    pub(super) fn start(config: &Config, identity: &Identity, streams: Option<StreamConfig>) -> Result<Self> {
        let log = Arc::new(open_log(config)?);
        let gateway = GatewayConfig {
            batch: config.listen.batch,
            statsd: config.listen.statsd.0.map(|address| config.statsd.at(address)),
            streams,
            ..config.gateway.config()
        };
        let inherited = weir_link::inherited(&UdpConfig { reuse_port: true, ..UdpConfig::default() });
        let inherited = inherited.context("taking over the sockets of the service manager")?;
        let bound = Gateway::bind_or_adopt(gateway, Access::from(identity), log.clone(), inherited);
        let running = bound.context(MEND)?.start()?;
        Ok(Self { log, running })
    }

    /// Why batches are not taken, or do not become durable, if so.
    pub(super) fn ready(&self) -> Result<(), String> {
        self.running.check()
    }

    pub(super) fn readings(&self) -> Vec<Reading> {
        self.running.readings()
    }

    /// Ids that two agents use at once.
    pub(super) fn cloned_agents(&self, tenant: Option<u32>) -> usize {
        self.running.cloned_agents(tenant)
    }

    /// Where batches arrive.
    pub(super) fn batch_address(&self) -> SocketAddr {
        self.running.batch_address()
    }

    /// Puts limits and classes in force.
    pub(super) fn set_shedding(&self, shed: ShedConfig) {
        self.running.set_shedding(shed);
    }

    /// Lets go of agents.
    pub(super) fn drain(&self) {
        self.running.drain();
    }
}

/// The log that a gateway writes: its own in the folder, or a producer into the topic.
fn open_log(config: &Config) -> Result<Log> {
    let writer = &config.queue.writer;
    #[cfg(feature = "kafka")]
    if let Some(kafka) = &config.queue.kafka {
        return Ok(Log::Kafka(weir_queue::kafka::Log::connect(&kafka.cluster()?, writer)?));
    }
    let queue = config.queue_folder();
    let disk_bytes = config.gateway.disk_bytes.map_or_else(|| LogConfig::share_of_disk(&queue, writer), Ok)?;
    let follow = Follow { consumer: weir_sink::CONSUMER.to_owned(), most: config.queue.max_behind() };
    let log = LogConfig { disk_bytes, follow: Some(follow), ..LogConfig::default() };
    Ok(Log::open(&queue, writer, log)?)
}
