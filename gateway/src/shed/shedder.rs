//! What decides, batch by batch, whether there is room: one [`Shedding`] per gateway, one [`Shedder`] per receiver.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use weir_queue::Lane;
use weir_sample::{Reading, Timestamp};
use weir_wire::{BatchHead, Decoder, Header};

use super::config::ShedConfig;
use super::layouts::Layouts;
use super::overload::{Shed, under_pressure};
use super::rates::Rates;

/// What all receivers of one gateway shed by.
#[derive(Debug, Default)]
pub(crate) struct Shedding {
    config: Mutex<Arc<ShedConfig>>,
    generation: AtomicU64,
    rates: Mutex<Rates>,
    shed: [AtomicU64; 3],
}

impl Shedding {
    /// Puts another configuration in force.
    pub(crate) fn set(&self, config: ShedConfig) {
        *lock(&self.config) = Arc::new(config);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Counts a batch as shed; the reason under which rates are counted, if it was one.
    pub(crate) fn count(&self, shed: Shed) -> Option<&'static str> {
        match shed {
            Shed::Pressure(lane) => {
                self.shed[lane as usize].fetch_add(1, Ordering::Relaxed);
                None
            }
            Shed::AgentRate => Some("agent_rate"),
            Shed::TenantRate => Some("tenant_rate"),
        }
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let reading = |lane: Lane| {
            let labels = [("lane", lane_name(lane)), ("reason", "pressure")];
            let count = self.shed[lane as usize].load(Ordering::Relaxed);
            Reading::counter("weir_gateway_shed_batches_total", &labels, count, SHED_HELP)
        };
        [Lane::Critical, Lane::Normal, Lane::Bulk].map(reading).to_vec()
    }
}

/// One receiver's view of the shedding: what it knows of layouts needs no lock.
pub(crate) struct Shedder {
    shedding: Arc<Shedding>,
    config: Arc<ShedConfig>,
    generation: u64,
    layouts: Layouts,
}

impl Shedder {
    pub(crate) fn new(shedding: Arc<Shedding>) -> Self {
        let (generation, config) = (shedding.generation.load(Ordering::Acquire), Arc::clone(&lock(&shedding.config)));
        Self { shedding, config, generation, layouts: Layouts::default() }
    }

    /// The lane of a batch that there is room for at this pressure, from 0 to 1, or why it is shed.
    pub(crate) fn admit(
        &mut self,
        header: &Header,
        head: &BatchHead<'_>,
        decoder: &mut Decoder,
        pressure: f64,
        now: Timestamp,
    ) -> Result<Lane, Shed> {
        self.follow_config();
        if !self.config.looks_inside() {
            return under_pressure(Lane::Normal, pressure);
        }
        let facts = self.layouts.facts(header.tenant, head, decoder, &self.config.classes);
        let lane = under_pressure(facts.lane, pressure)?;
        lock(&self.shedding.rates).admit(&self.config, header, f64::from(facts.samples), now)?;
        Ok(lane)
    }

    fn follow_config(&mut self) {
        let generation = self.shedding.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.config = Arc::clone(&lock(&self.shedding.config));
            (self.generation, self.layouts) = (generation, Layouts::default());
        }
    }
}

const fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Critical => "critical",
        Lane::Normal => "normal",
        Lane::Bulk => "bulk",
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const SHED_HELP: &str = "Batches turned away because the queue backs up, by priority class; their agents keep them and \
    send them again. See to the queue's disk, to the sink and to memory_bytes, or add gateways.";
