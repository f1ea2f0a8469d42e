//! What `/proc` and `/sys` tell of a Linux host.

mod container;
mod containers;
mod cpu;
mod disk;
mod filesystem;
mod memory;
mod network;
mod pressure;
mod processes;
mod temperature;
#[cfg(test)]
mod tests;

use super::{Collector, Commands, Filesystem, Points, Room, STATES, Told, states_of};
use crate::config::HostMetrics;

/// What is read of it, by name.
pub(super) fn collectors(settings: &HostMetrics) -> Vec<(&'static str, Box<dyn Collector>)> {
    let root = &settings.root;
    let mut all: Vec<(&'static str, Box<dyn Collector>)> = Vec::new();
    if settings.cpu {
        all.push(("cpu", Box::new(cpu::Cpu::new(root, settings.cpu_cores))));
    }
    if settings.memory {
        all.push(("memory", Box::new(memory::Memory::new(root))));
    }
    if settings.pressure {
        all.push(("pressure", Box::new(pressure::Pressure::new(root))));
    }
    if settings.filesystem {
        all.push((
            "filesystem",
            Box::new(filesystem::Filesystems::new(root, &settings.filesystem_types, &settings.filesystem_paths)),
        ));
    }
    if settings.disk {
        all.push(("disk", Box::new(disk::Disk::new(root, &settings.disk_devices, settings.disk_partitions))));
    }
    if settings.network {
        all.push(("network", Box::new(network::Network::new(root, &settings.network_interfaces))));
    }
    if settings.sockets {
        all.push(("sockets", Box::new(network::Sockets::new(root))));
    }
    if settings.processes || settings.top_processes > 0 || !settings.process_names.is_empty() {
        all.push(("processes", Box::new(processes::Processes::new(root, settings))));
    }
    if settings.temperature {
        all.push(("temperature", Box::new(temperature::Temperature::new(root))));
    }
    if settings.container
        && let Some(container) = container::Container::new(root)
    {
        all.push(("container", Box::new(container)));
    }
    if settings.containers {
        all.push(("containers", Box::new(containers::Containers::new(root))));
    }
    all
}
