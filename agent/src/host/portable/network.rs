//! Network interfaces.

use sysinfo::{Error, Networks};

use super::{Collector, Points};
use crate::config::{Choice, HostMetrics};

pub(super) struct Network {
    networks: Networks,
    choice: Choice,
}

impl Network {
    pub(super) fn new(settings: &HostMetrics) -> Result<Self, Error> {
        Ok(Self { networks: Networks::new()?, choice: settings.network_interfaces.clone() })
    }
}

impl Collector for Network {
    fn collect(&mut self, points: &mut Points<'_>) {
        self.networks.refresh(true);
        for (name, data) in self.networks.iter() {
            let name = name.to_string_lossy();
            if !self.choice.allows(&name) {
                continue;
            }
            let received = (data.total_received(), data.total_packets_received(), data.total_errors_on_received());
            let transmitted =
                (data.total_transmitted(), data.total_packets_transmitted(), data.total_errors_on_transmitted());
            for (direction, (bytes, packets, errors)) in [("receive", received), ("transmit", transmitted)] {
                let labels = [("network_interface_name", &*name), ("network_io_direction", direction)];
                points.counter("system_network_io_bytes_total", &labels, bytes as f64);
                points.counter("system_network_packets_total", &labels, packets as f64);
                points.counter("system_network_errors_total", &labels, errors as f64);
            }
        }
    }
}
