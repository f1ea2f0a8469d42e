//! What a gateway receives with: its sockets' readings.

use std::sync::Arc;

use weir_link::UdpSocket;
use weir_meters::Load;
use weir_sample::Reading;

use crate::acks::Group;

/// One receiver with its acknowledging thread.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) load: Arc<Load>,
    /// To look at the fill of the channel between the two.
    pub(crate) groups: flume::WeakSender<Group>,
}

/// One thread that reads StatsD.
#[derive(Debug)]
pub(crate) struct StatsdIntake {
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) load: Arc<Load>,
}

impl Intake {
    pub(crate) fn waiting_groups(&self) -> usize {
        self.groups.upgrade().map_or(0, |groups| groups.len())
    }

    pub(crate) fn read(&self, number: &str, readings: &mut Vec<Reading>) {
        let labels = [("socket", number)];
        let mut gauge = |name, value: f64, help| readings.push(Reading::gauge(name, &labels, value, help));
        gauge("weir_gateway_receiver_busy_ratio", self.load.ratio(), "Part of its time that a receiver works.");
        gauge("weir_gateway_waiting_groups", self.waiting_groups() as f64, WAITING_HELP);
        gauge("weir_gateway_wanted_buffer_bytes", self.socket.wanted_buffer_bytes() as f64, WANTED_HELP);
        gauge("weir_gateway_granted_buffer_bytes", self.socket.granted_buffer_bytes() as f64, GRANTED_HELP);
        let mut counter = |name, value, help| readings.push(Reading::counter(name, &labels, value, help));
        counter("weir_gateway_kernel_drops_total", self.socket.kernel_drops(), DROPS_HELP);
        counter("weir_gateway_oversize_datagrams_total", self.socket.truncated(), "Datagrams over 64 KiB, discarded.");
    }
}

impl StatsdIntake {
    pub(crate) fn read(&self, number: &str, readings: &mut Vec<Reading>) {
        let (labels, socket) = ([("socket", number)], &self.socket);
        let mut gauge = |name, value: f64, help| readings.push(Reading::gauge(name, &labels, value, help));
        gauge("weir_gateway_statsd_busy_ratio", self.load.ratio(), "Part of its time that a StatsD thread works.");
        gauge("weir_gateway_statsd_wanted_buffer_bytes", socket.wanted_buffer_bytes() as f64, WANTED_HELP);
        gauge("weir_gateway_statsd_granted_buffer_bytes", socket.granted_buffer_bytes() as f64, GRANTED_HELP);
        let drops = socket.kernel_drops();
        readings.push(Reading::counter("weir_gateway_statsd_kernel_drops_total", &labels, drops, STATSD_DROPS_HELP));
    }
}

const WAITING_HELP: &str =
    "Groups of batches received that wait for fdatasync. Room for 4,096; beyond it acks are lost.";
const WANTED_HELP: &str = "Receive buffer asked for.";
const GRANTED_HELP: &str = "Receive buffer granted. If below what was asked for, raise the sysctl net.core.rmem_max.";
const DROPS_HELP: &str = "Datagrams the kernel dropped at a full receive buffer; agents send them again. Raise \
                          net.core.rmem_max and receive_buffer_bytes, or add a gateway.";
const STATSD_DROPS_HELP: &str = "StatsD datagrams the kernel dropped at a full receive buffer (loss: StatsD is not sent \
    again). Raise the sysctl net.core.rmem_max and statsd.receive_buffer_bytes, or statsd.threads.";
