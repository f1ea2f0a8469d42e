//! A gateway at work: whether it takes more, how loaded it is, how it leaves.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use weir_meters::Load;
use weir_sample::Reading;

use crate::intake::{Intake, StatsdIntake};
use crate::shared::{Shared, WAITING_GROUPS};
use crate::{GatewayConfig, ShedConfig};

/// A gateway at work. Dropping it stops it without a drain.
#[derive(Debug)]
pub struct Running {
    pub(crate) config: GatewayConfig,
    pub(crate) shared: Arc<Shared>,
    pub(crate) intakes: Vec<Intake>,
    pub(crate) statsd: Vec<StatsdIntake>,
    /// Of the thread that serves streams.
    pub(crate) streams: Arc<Load>,
    pub(crate) threads: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) stop_streams: watch::Sender<bool>,
    pub(crate) batch: SocketAddr,
}

/// How a drain has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing arrived any more.
    Quiet,
    /// Agents were still sending at the deadline; what arrived until then is durable and acknowledged, the rest is
    /// theirs to send to another gateway.
    Deadline,
}

const DRAIN_STEP: Duration = Duration::from_millis(20);

/// Age of the oldest record that is not safe yet at which the disk counts as hung. Agents send again after a second or two.
const HUNG: Duration = Duration::from_secs(2);

impl Running {
    /// The address that batches arrive at.
    pub fn batch_address(&self) -> SocketAddr {
        self.batch
    }

    /// Puts other classes and rates in force, for all batches from now on.
    pub fn set_shedding(&self, config: ShedConfig) {
        self.shared.shedding.set(config);
    }

    /// Where StatsD is listened for: one address per thread.
    pub fn statsd_addresses(&self) -> Vec<SocketAddr> {
        self.statsd.iter().filter_map(|intake| intake.socket.local_addr().ok()).collect()
    }

    /// Whether a load balancer should send agents here: the queue takes records and its disk answers, memory is not at
    /// its bound, and no drain has begun.
    pub fn ready(&self) -> bool {
        self.check().is_ok()
    }

    /// Why agents should be sent elsewhere, if so.
    ///
    /// # Errors
    /// A sentence for whoever runs this gateway.
    pub fn check(&self) -> Result<(), String> {
        if self.shared.draining.load(Relaxed) {
            return Err("the gateway drains".into());
        }
        if self.shared.memory.pressure() >= 1.0 {
            return Err("the gateway's memory is at its bound: see gateway.memory_bytes".into());
        }
        self.shared.log.check().map_err(|error| format!("the queue takes no records: {error}"))?;
        let unsynced = self.shared.log.oldest_unsynced();
        if unsynced >= HUNG {
            let waits = unsynced.as_secs();
            return Err(format!("the queue's disk hangs: the oldest batch waits for its fdatasync for {waits} s"));
        }
        Ok(())
    }

    /// How loaded this gateway is, from 0 to 1: the fullest of its threads' time, the channels between them, the buffer
    /// in front of the disk, the wait for the disk, and the CPU that this process may use. Made for autoscalers.
    pub fn saturation(&self) -> f64 {
        let intake = |intake: &Intake| intake.load.ratio().max(intake.waiting_groups() as f64 / WAITING_GROUPS as f64);
        let statsd = self.statsd.iter().map(|intake| intake.load.ratio());
        let hung = self.shared.log.oldest_unsynced().as_secs_f64() / HUNG.as_secs_f64();
        let whole = [self.shared.log.saturation(), hung, self.shared.cpu.load.ratio(), self.streams.ratio()];
        self.intakes.iter().map(intake).chain(statsd).chain(whole).fold(0.0, f64::max).min(1.0)
    }

    /// Asks agents to leave, waits until they have, and makes sure that everything received is durable and
    /// acknowledged. [`Running::ready`] is false from the first moment. Blocks up to the configured deadline.
    /// It can be called from any thread, and again.
    pub fn drain(&self) -> Drained {
        self.shared.draining.store(true, Relaxed);
        let deadline = Instant::now() + self.config.drain_deadline;
        let drained = self.wait_until_quiet(deadline);
        self.stop();
        drained
    }

    /// Starts a drain without waiting for it: agents are told to leave and readiness is off.
    pub fn begin_drain(&self) {
        self.shared.draining.store(true, Relaxed);
    }

    fn wait_until_quiet(&self, deadline: Instant) -> Drained {
        let received = || self.shared.counters.received();
        let (mut last, mut since) = (received(), Instant::now());
        loop {
            thread::sleep(DRAIN_STEP);
            let now = Instant::now();
            if received() != last {
                (last, since) = (received(), now);
            }
            if now - since >= self.config.quiet {
                return Drained::Quiet;
            }
            if now >= deadline {
                return Drained::Deadline;
            }
        }
    }

    /// Receivers hear of it; each acknowledging thread ends when it has answered all that its receiver left.
    fn stop(&self) {
        self.shared.stopping.store(true, Relaxed);
        self.stop_streams.send_replace(true);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic was reported by the thread that had it.
            let _ = thread.join();
        }
    }

    /// Ids, of all tenants or of one, that two agents have used at once within the last hour.
    pub fn cloned_agents(&self, tenant: Option<u32>) -> usize {
        self.shared.clones.count(Instant::now(), tenant)
    }

    /// What this gateway counts about itself.
    pub fn readings(&self) -> Vec<Reading> {
        let gauge = |name, value: f64, help| Reading::gauge(name, &[], value, help);
        let mut readings = self.shared.counters.readings();
        readings.push(gauge("weir_gateway_saturation_ratio", self.saturation(), SATURATION_HELP));
        readings.push(gauge("weir_gateway_cpu_ratio", self.shared.cpu.load.ratio(), CPU_HELP));
        readings.push(gauge("weir_gateway_cpu_cores", self.shared.cpu.cores(), CORES_HELP));
        readings.push(gauge("weir_gateway_pressure_ratio", self.shared.pressure(), PRESSURE_HELP));
        let clones = self.cloned_agents(None) as f64;
        readings.push(gauge("weir_gateway_cloned_agents", clones, CLONES_HELP));
        readings.extend(self.shared.shedding.readings());
        readings.push(gauge("weir_gateway_ready", f64::from(u8::from(self.ready())), READY_HELP));
        for (number, intake) in self.intakes.iter().enumerate() {
            intake.read(&number.to_string(), &mut readings);
        }
        if !self.statsd.is_empty() {
            readings.extend(self.shared.statsd.readings());
        }
        for (number, intake) in self.statsd.iter().enumerate() {
            intake.read(&number.to_string(), &mut readings);
        }
        readings
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

const SATURATION_HELP: &str = "The fullest of this gateway's parts, 0 to 1. Scale out above 0.7.";
const CPU_HELP: &str =
    "Part of weir_gateway_cpu_cores that this process uses. If it is what saturates, add a gateway or cores.";
const CORES_HELP: &str = "CPU cores that this process may use: gateway.cpu_cores, or its control group's quota, or the CPUs it \
    may run on.";
const PRESSURE_HELP: &str = "How far the queue backs up, or memory fills, 0 to 1. Agents slow down from 0.5, bulk is shed from 0.6 and \
    normal from 0.85. See to the queue's disk and to the sink.";
const READY_HELP: &str = "1 while agents should be sent here. At 0: draining, at the memory bound, or the queue refuses or \
    its disk hangs; /readyz says which.";
const CLONES_HELP: &str = "Agent ids that two agents have used at once within the last hour: a state folder was copied. The log has \
    both addresses; delete the folder of one of them.";
