//! How much of what authenticates is let in now: priority classes under pressure, and rates per agent and tenant.
//!
//! What is turned away is not acknowledged: it waits in its agent's spool, and its agent is told to slow down. A batch
//! is classed once per layout; with neither classes nor rates configured a layout is not even looked at.

mod layouts;
mod rates;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use weir_queue::Lane;
use weir_sample::{Reading, Selector, Timestamp};
use weir_wire::{BatchHead, Decoder, Header};

use layouts::Layouts;
use rates::Rates;

/// What an operator decides over classes and rates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GateConfig {
    /// The first that fits a series is its class; none fits: normal. A batch goes with the most important of its series.
    pub classes: Vec<Class>,
    /// Samples a second that one agent may send to this gateway, averaged over a minute. Zero means no limit.
    pub agent_samples_per_second: f64,
    /// Samples a second that all agents of one tenant may send to this gateway. Zero means no limit.
    pub tenant_samples_per_second: f64,
}

/// Series of one priority class, as they are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Only for this tenant; `None` for all.
    pub tenant: Option<u32>,
    /// Which series.
    pub series: Selector,
    /// Their class.
    pub lane: Lane,
}

impl GateConfig {
    /// Whether what is in a batch matters.
    fn looks_inside(&self) -> bool {
        !self.classes.is_empty() || self.agent_samples_per_second > 0.0 || self.tenant_samples_per_second > 0.0
    }
}

/// The gate of one gateway, in front of all its receivers.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    config: Mutex<Arc<GateConfig>>,
    generation: AtomicU64,
    rates: Mutex<Rates>,
    shed: [AtomicU64; 3],
}

/// Why a batch is turned away this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    /// The queue backs up, and this class makes room for the more important.
    Pressure(Lane),
    /// Its agent sends too much.
    AgentRate,
    /// Its tenant sends too much.
    TenantRate,
}

/// Pressure from which on agents are asked to slow down …
pub(crate) const SLOW_AT: f64 = 0.5;
/// … bulk is shed …
const SHED_BULK_AT: f64 = 0.6;
/// … and normal too. Critical goes on until there is no room at all.
const SHED_NORMAL_AT: f64 = 0.85;

impl Gate {
    /// Puts another configuration in force.
    pub(crate) fn set(&self, config: GateConfig) {
        *lock(&self.config) = Arc::new(config);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Counts a batch as turned away; the reason under which rates are counted, if it was one.
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

/// The gate as one receiver goes through it.
pub(crate) struct Doorkeeper {
    gate: Arc<Gate>,
    config: Arc<GateConfig>,
    generation: u64,
    layouts: Layouts,
    /// Of queue and memory, from 0 to 1.
    pub(crate) pressure: f64,
}

impl Doorkeeper {
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        let (generation, config) = (gate.generation.load(Ordering::Acquire), Arc::clone(&lock(&gate.config)));
        Self { gate, config, generation, layouts: Layouts::default(), pressure: 0.0 }
    }

    /// The lane of a batch that comes in now, or why it does not.
    pub(crate) fn admit(
        &mut self,
        header: &Header,
        head: &BatchHead<'_>,
        decoder: &mut Decoder,
        now: Timestamp,
    ) -> Result<Lane, Shed> {
        self.follow_config();
        if !self.config.looks_inside() {
            return self.under_pressure(Lane::Normal);
        }
        let facts = self.layouts.facts(header.tenant, head, decoder, &self.config.classes);
        let lane = self.under_pressure(facts.lane)?;
        lock(&self.gate.rates).admit(&self.config, header, f64::from(facts.samples), now)?;
        Ok(lane)
    }

    fn under_pressure(&self, lane: Lane) -> Result<Lane, Shed> {
        let full = match lane {
            Lane::Critical => self.pressure >= 1.0,
            Lane::Normal => self.pressure >= SHED_NORMAL_AT,
            Lane::Bulk => self.pressure >= SHED_BULK_AT,
        };
        if full { Err(Shed::Pressure(lane)) } else { Ok(lane) }
    }

    fn follow_config(&mut self) {
        let generation = self.gate.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.config = Arc::clone(&lock(&self.gate.config));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_sheds_first_and_critical_last() {
        let mut door = Doorkeeper::new(Arc::default());
        let mut check = |pressure, expected: [bool; 3]| {
            door.pressure = pressure;
            let admitted = [Lane::Bulk, Lane::Normal, Lane::Critical].map(|lane| door.under_pressure(lane).is_ok());
            assert_eq!(admitted, expected, "at {pressure}");
        };
        check(0.0, [true; 3]);
        check(SLOW_AT, [true; 3]);
        check(0.6, [false, true, true]);
        check(0.85, [false, false, true]);
        check(0.99, [false, false, true]);
        check(1.0, [false; 3]);
    }
}
