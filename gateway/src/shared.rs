//! What a gateway's threads have in common.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use weir_meters::{Cpu, Memory};
use weir_queue::Log;

use crate::{
    Access,
    clones::Clones,
    counters::Counters,
    refusers::Refusers,
    shed::{SLOW_AT, Shedding},
    statsd,
};

/// Groups of batches that may wait for their `fdatasync`, per receiver. At one datagram a group and 5 ms a commit this
/// is room for 800,000 datagrams a second.
pub(crate) const WAITING_GROUPS: usize = 4_096;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) log: Arc<Log>,
    pub(crate) access: Access,
    pub(crate) counters: Counters,
    pub(crate) statsd: Arc<statsd::Counters>,
    pub(crate) shedding: Arc<Shedding>,
    pub(crate) memory: Memory,
    pub(crate) cpu: Cpu,
    pub(crate) draining: AtomicBool,
    pub(crate) stopping: AtomicBool,
    pub(crate) refusers: Refusers,
    pub(crate) clones: Clones,
    log_failed: AtomicBool,
}

impl Shared {
    pub(crate) fn new(access: Access, log: Arc<Log>, memory: Memory) -> Self {
        Self {
            log,
            access,
            counters: Counters::default(),
            statsd: Arc::default(),
            shedding: Arc::default(),
            memory,
            cpu: Cpu::default(),
            draining: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            refusers: Refusers::default(),
            clones: Clones::default(),
            log_failed: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// What acks tell their agents besides, at this pressure.
    pub(crate) fn hints(&self, pressure: f64) -> weir_wire::Hints {
        weir_wire::Hints { drain: self.draining.load(Relaxed), slow: pressure >= SLOW_AT }
    }

    /// How far the queue backs up, from 0 to 1: the buffer in front of its disk, its share of the disk, how far the sink is
    /// behind with it, and this process's memory.
    pub(crate) fn pressure(&self) -> f64 {
        self.log.saturation().max(self.log.disk_ratio()).max(self.log.behind_ratio()).max(self.memory.pressure())
    }

    /// Logs the first failure of the log, and its recovery.
    pub(crate) fn report_queue(&self, outcome: &Result<(), weir_queue::Error>) {
        match outcome {
            Err(error) if !self.log_failed.swap(true, Relaxed) => {
                tracing::error!(%error, "the queue has failed: nothing is acknowledged until it has recovered");
            }
            Ok(()) if self.log_failed.load(Relaxed) && self.log_failed.swap(false, Relaxed) => {
                tracing::info!("the queue has recovered: acknowledging again");
            }
            _ => {}
        }
    }
}
