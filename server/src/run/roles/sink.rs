//! The role of a sink: what the queue holds goes into the store, and queries read it there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use weir_query::{Engine, Limits};
use weir_queue::Log;
use weir_sample::Reading;
use weir_sink::{Admission, FleetStatus, Opening, Service, ServiceConfig, SinkConfig, StoreHandle};

use super::backends::Backends;
use crate::alerting::Here;
use crate::api::agents::Agents;
use crate::api::query::{Told, Watermark};
use crate::config::Config;
use crate::run::current::Current;
use crate::run::mover::Mover;

/// Time from a failure of the sink to its first try to go on.
const RETRY: Duration = Duration::from_secs(1);

/// Time for which a sink that is told to stop reads on: more than a queue that is not behind needs.
const DRAIN: Duration = Duration::from_secs(10);

/// Time that a question about agents waits for the sink, which may be at a batch.
const AGENTS_PATIENCE: Duration = Duration::from_secs(3);

/// A sink that runs, and its store.
pub(crate) struct SinkRole {
    /// Evaluates queries; its readings are this process' too.
    pub engine: Engine,
    service: Arc<Service>,
    /// Where there is an object store for old blocks.
    mover: Option<Mover>,
    backends: Arc<Backends>,
}

impl SinkRole {
    /// Opens the store as it was left and goes on reading the queue from there.
    pub(super) fn start(config: &Config) -> Result<Self> {
        let lateness = Duration::from_secs(config.sink.lateness_s);
        let memory = config.sink.memory(config.identity.session_lifetime_s);
        let sink = SinkConfig {
            queue: config.queue.source(config.queue_folder())?,
            lateness,
            wait: config.alerting.wait,
            memory,
            max_exemplars: config.sink.max_exemplars,
            events: config.events.kept_in(&config.data),
        };
        let opening = Opening { folder: config.data.join("store"), store: config.store.open()?, sink };
        let checkpoint_interval = Duration::from_secs(config.sink.checkpoint_interval_s);
        let pace =
            ServiceConfig { checkpoint_interval, retry: RETRY, max_behind: config.queue.max_behind(), drain: DRAIN };
        let backends = Backends::open(&config.sink.backends, &config.data)?;
        let service = Arc::new(Service::start(opening, pace, backends.clone())?);
        backends.start(&service)?;
        let mover = config.store.cold.is_some().then(|| Mover::start(service.store())).transpose()?;
        Ok(Self { engine: config.query.engine(), service, mover, backends })
    }

    /// The store of now.
    pub(crate) fn store(&self) -> Arc<StoreHandle> {
        self.service.store()
    }

    /// All series of the store of now.
    pub(crate) fn source(&self) -> Arc<Current> {
        Arc::new(Current { store: self.store(), service: self.service.clone() })
    }

    /// Until when the data of all live senders are there.
    pub(crate) fn watermark(&self) -> Watermark {
        let service = self.service.clone();
        Arc::new(move |tenant| service.watermark(tenant))
    }

    /// What rules are evaluated over, and where what they record goes.
    pub(super) fn ground_of_rules(&self, queue: Arc<Log>) -> Here {
        let limits = self.engine.limits();
        // Rules are asked one after another: together they need what one query may take.
        let limits = Limits { all_memory_bytes: limits.memory_bytes, ..limits };
        Here { source: self.source(), engine: Engine::new(limits), service: self.service.clone(), queue }
    }

    /// What fails beside the sink; or why nothing should be asked here.
    pub(super) fn ready(&self) -> Result<Vec<String>, String> {
        self.service.ready()?;
        let of_mover = self.mover.as_ref().and_then(Mover::trouble);
        Ok(self.service.trouble().into_iter().chain(of_mover).chain(self.backends.troubles()).collect())
    }

    pub(super) fn readings(&self) -> Vec<Reading> {
        let store = self.store().current().map(|store| store.readings()).unwrap_or_default();
        let mover = self.mover.as_ref().map(Mover::readings).unwrap_or_default();
        [self.service.readings(), store, mover, self.engine.readings(), self.backends.readings()].concat()
    }

    /// The fleet in one line, or one tenant's part of it.
    pub(super) fn fleet(&self, tenant: Option<u32>) -> FleetStatus {
        tenant.map_or_else(|| self.service.fleet(), |tenant| self.service.fleet_of(tenant))
    }

    /// What senders tell of metrics.
    pub(crate) fn told(&self) -> Told {
        let catalogue = self.service.metadata();
        Arc::new(move |tenant, metric| match metric {
            Some(metric) => [(metric.to_owned(), catalogue.of(tenant, metric))].into(),
            None => catalogue.all(tenant),
        })
    }

    /// Time that the store is behind with what was acknowledged.
    pub(crate) fn behind(&self) -> Arc<dyn Fn() -> Duration + Send + Sync> {
        let service = self.service.clone();
        Arc::new(move || service.behind())
    }

    /// Each agent, as the sink knows it.
    pub(crate) fn agents(&self) -> Agents {
        let service = self.service.clone();
        Arc::new(move || service.agents(AGENTS_PATIENCE))
    }

    /// Exemplars of all series.
    pub(crate) fn exemplars(&self) -> Arc<weir_sink::Exemplars> {
        self.service.exemplars()
    }

    /// Rules and limits of series.
    pub(crate) fn admission(&self) -> Arc<Admission> {
        self.service.admission()
    }

    /// Stores what is left in the queue.
    pub(super) fn drain(&self) -> Result<()> {
        self.service.drain().context("storing what is left in the queue")?;
        self.mover.iter().for_each(Mover::stop);
        self.backends.stop();
        Ok(())
    }
}
