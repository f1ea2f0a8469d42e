//! What StatsD at the gateway counts besides the lines, which `weir_statsd::Telemetry` counts.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use weir_sample::Reading;
use weir_statsd::Telemetry;

/// Figures of all StatsD threads of a gateway.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) lines: Arc<Telemetry>,
    pub(crate) datagrams: AtomicU64,
    pub(crate) refused_networks: AtomicU64,
    pub(crate) socket_errors: AtomicU64,
    pub(crate) held_windows: AtomicU64,
    pub(crate) partials: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) lost_partials: AtomicU64,
    pub(crate) oversize_series: AtomicU64,
}

impl Counters {
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let labelled = |name, labels: &[(&str, &str)], cell: &AtomicU64, help| {
            Reading::counter(name, labels, cell.load(Relaxed), help)
        };
        let counter = |name, cell, help| labelled(name, &[], cell, help);
        let lost =
            |reason, cell| labelled("weir_gateway_statsd_lost_partials_total", &[("reason", reason)], cell, LOST_HELP);
        let mut readings = vec![
            counter("weir_gateway_statsd_datagrams_total", &self.datagrams, "StatsD datagrams received."),
            labelled(
                "weir_gateway_statsd_refused_datagrams_total",
                &[("reason", "network")],
                &self.refused_networks,
                NETWORK_HELP,
            ),
            counter(
                "weir_gateway_statsd_socket_errors_total",
                &self.socket_errors,
                "Receives that failed. See the log.",
            ),
            counter("weir_gateway_statsd_held_windows_total", &self.held_windows, HELD_HELP),
            counter("weir_gateway_statsd_partials_total", &self.partials, "Series' partials made durable."),
            counter("weir_gateway_statsd_retries_total", &self.retries, RETRIES_HELP),
            lost("queue", &self.lost_partials),
            lost("oversize", &self.oversize_series),
        ];
        readings.extend(self.lines.readings());
        readings
    }
}

const NETWORK_HELP: &str = "StatsD datagrams from addresses outside the allowed networks, dropped (loss if meant): add \
    the network to statsd.networks.";
const HELD_HELP: &str = "Times that a window stayed open past its end because earlier ones still waited for the queue; \
    its lines count in a later window. See to the queue's disk.";
const RETRIES_HELP: &str =
    "Times that a window's partials had to be given to the queue again. See to the queue's disk.";
const LOST_HELP: &str = "Partials of series lost. queue: the queue did not recover before this gateway had to stop. \
    oversize: a series' labels are too long for a batch.";
