//! The role of a sink: what the queue holds goes into the store, and queries read it there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use weir_query::Engine;
use weir_sample::Reading;
use weir_sink::{Admission, FleetStatus, Service, ServiceConfig, Sink, SinkConfig};
use weir_store::Store;

use crate::config::Config;
use crate::run::mover::Mover;

/// A sink that runs, and its store.
pub(crate) struct SinkRole {
    pub store: Arc<Store>,
    /// Evaluates queries; its readings are this process' too.
    pub engine: Engine,
    service: Service,
    /// Where there is an object store for old blocks.
    mover: Option<Mover>,
}

impl SinkRole {
    /// Opens the store as it was left and goes on reading the queue from there.
    pub(super) fn start(config: &Config) -> Result<Self> {
        let (store, saved) = Store::open(&config.data.join("store"), config.store.open()?)?;
        let store = Arc::new(store);
        let lateness = Duration::from_secs(config.sink.lateness_s);
        let memory = config.sink.memory(config.identity.session_lifetime_s);
        let sink = SinkConfig { queue: config.queue_folder(), lateness, memory };
        let sink = Sink::open(&sink, store.clone(), &saved)?;
        let checkpoint_interval = Duration::from_secs(config.sink.checkpoint_interval_s);
        let service = Service::start(sink, ServiceConfig { checkpoint_interval }).context("starting the sink")?;
        let mover = config.store.cold.is_some().then(|| Mover::start(store.clone())).transpose()?;
        Ok(Self { store, engine: Engine::default(), service, mover })
    }

    /// Why nothing should be asked here, if so.
    pub(super) fn ready(&self) -> Result<(), String> {
        self.service.ready()
    }

    pub(super) fn readings(&self) -> Vec<Reading> {
        [self.service.readings(), self.store.readings(), self.engine.readings()].concat()
    }

    /// The fleet in one line, or one tenant's part of it.
    pub(super) fn fleet(&self, tenant: Option<u32>) -> FleetStatus {
        tenant.map_or_else(|| self.service.fleet(), |tenant| self.service.fleet_of(tenant))
    }

    /// Rules and limits of series.
    pub(crate) fn admission(&self) -> Arc<Admission> {
        self.service.admission()
    }

    /// Stores what is left in the queue.
    pub(super) fn drain(&self) -> Result<()> {
        self.service.drain().context("storing what is left in the queue")?;
        self.mover.iter().for_each(Mover::stop);
        Ok(())
    }
}
