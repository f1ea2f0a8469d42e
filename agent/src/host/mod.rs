//! This host's metrics: OpenTelemetry's names in Prometheus spelling, read from `/proc` and `/sys`.
//!
//! docs/host-metrics.md lists them; a test holds it against what the collectors emit.

mod collector;
mod container;
mod cpu;
mod deltas;
mod disk;
mod filesystem;
mod memory;
mod network;
mod points;
mod pressure;
mod processes;
mod temperature;

use weir_sample::{Series, Value};

use crate::config::HostMetrics;
use crate::origin::Origin;
use crate::relabel::Relabelled;
use collector::{Collector, TICKS};
use deltas::Deltas;
pub(crate) use points::Points;

/// Everything that is read of the host.
pub(crate) struct Host {
    origin: Origin,
    deltas: Deltas,
    relabelled: Relabelled,
    collectors: Vec<Box<dyn Collector>>,
}

impl Host {
    pub(crate) fn new(origin: Origin, settings: &HostMetrics) -> Self {
        let relabelled = Relabelled::new(settings.relabel.clone());
        Self { origin, deltas: Deltas::default(), relabelled, collectors: collectors(settings) }
    }

    /// Collects by other settings from now on. Counters go on, but for those whose labels change.
    pub(crate) fn reconfigure(&mut self, origin: Origin, settings: &HostMetrics) {
        let deltas = std::mem::take(&mut self.deltas);
        *self = Self { deltas, ..Self::new(origin, settings) };
    }

    /// One window's points.
    pub(crate) fn collect(&mut self) -> Vec<(Series, Value)> {
        self.deltas.begin();
        let mut points =
            Points { origin: &self.origin, deltas: &mut self.deltas, all: Vec::with_capacity(self.relabelled.len()) };
        for collector in &mut self.collectors {
            collector.collect(&mut points);
        }
        self.relabelled.apply(points.all)
    }
}

fn collectors(settings: &HostMetrics) -> Vec<Box<dyn Collector>> {
    let root = &settings.root;
    let mut all: Vec<Box<dyn Collector>> = Vec::new();
    if settings.cpu {
        all.push(Box::new(cpu::Cpu::new(root, settings.cpu_cores)));
    }
    if settings.memory {
        all.push(Box::new(memory::Memory::new(root)));
    }
    if settings.pressure {
        all.push(Box::new(pressure::Pressure::new(root)));
    }
    if settings.filesystem {
        all.push(Box::new(filesystem::Filesystem::new(root, &settings.filesystem_types, &settings.filesystem_paths)));
    }
    if settings.disk {
        all.push(Box::new(disk::Disk::new(root, &settings.disk_devices, settings.disk_partitions)));
    }
    if settings.network {
        all.push(Box::new(network::Network::new(root, &settings.network_interfaces)));
    }
    if settings.sockets {
        all.push(Box::new(network::Sockets::new(root)));
    }
    if settings.processes || settings.top_processes > 0 {
        all.push(Box::new(processes::Processes::new(root, settings.processes, settings.top_processes)));
    }
    if settings.temperature {
        all.push(Box::new(temperature::Temperature::new(root)));
    }
    if settings.container
        && let Some(container) = container::Container::new(root)
    {
        all.push(Box::new(container));
    }
    all
}

#[cfg(test)]
mod tests;
