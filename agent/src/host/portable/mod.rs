//! What the sysinfo crate tells of a host that has no `/proc`: macOS, FreeBSD, Windows. On Linux it is there to be held against
//! the agent's own reading. It tells less, and what it tells has the same names, units and labels.

mod cpu;
mod disks;
mod memory;
mod network;
mod processes;
mod temperature;
#[cfg(test)]
mod tests;

use super::{Collector, Commands, Filesystem, Points, Room, STATES, Told, states_of};
use crate::config::HostMetrics;

type Made = Result<Box<dyn Collector>, sysinfo::Error>;

/// What is read of it, by name.
pub(super) fn collectors(settings: &HostMetrics) -> Vec<(&'static str, Box<dyn Collector>)> {
    let processes = settings.processes || Told::new(settings).any();
    let all: [(&'static str, bool, &dyn Fn() -> Made); 7] = [
        ("cpu", settings.cpu, &|| Ok(Box::new(cpu::Cpu::new()?))),
        ("memory", settings.memory, &|| Ok(Box::new(memory::Memory::new()?))),
        ("filesystem", settings.filesystem, &|| Ok(Box::new(disks::Filesystems::new(settings)?))),
        ("disk", settings.disk, &|| Ok(Box::new(disks::Transfers::new(settings)?))),
        ("network", settings.network, &|| Ok(Box::new(network::Network::new(settings)?))),
        ("processes", processes, &|| Ok(Box::new(processes::Processes::new(settings)?))),
        ("temperature", settings.temperature, &|| Ok(Box::new(temperature::Temperature::new()?))),
    ];
    let wanted = all.into_iter().filter(|(_, is_wanted, _)| *is_wanted);
    let made = wanted.filter_map(|(name, _, make)| match make() {
        Ok(collector) => Some((name, collector)),
        Err(error) => {
            tracing::warn!(source = name, %error, "sysinfo cannot tell this of the host: it is left out");
            None
        }
    });
    made.collect()
}
