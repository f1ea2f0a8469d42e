//! The StatsD side: datagrams in, a window's points out. A line that is not taken is counted, and now and then shown.

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::Interest;
use tokio::net::UdpSocket as Readiness;
use weir_link::{Ring, UdpConfig, UdpSocket};
use weir_sample::{Reading, Series, Value, Window};
use weir_statsd::{Aggregator, AggregatorConfig};

use crate::config::Config;
use crate::sampler::Sampler;

/// The StatsD sockets and what was gathered from them.
pub(crate) struct Intake {
    aggregator: Aggregator,
    next_rules: Option<AggregatorConfig>,
    udp: Option<Udp>,
    ring: Ring,
    shown: Sampler,
    datagrams: u64,
    failed_receives: u64,
}

/// A batched socket, and the event loop's handle of the same socket.
struct Udp {
    socket: UdpSocket,
    readiness: Readiness,
}

/// Memory that a flood of full datagrams can make resident is this many times 64 KiB.
const RING_SLOTS: usize = 16;
const SHOW_EVERY: Duration = Duration::from_secs(10);

impl Intake {
    /// Binds what the configuration names.
    pub(crate) fn bind(config: &Config) -> Result<Self> {
        let udp = match config.statsd {
            Some(address) => {
                let socket = UdpSocket::bind(address, &UdpConfig::default()).with_context(|| {
                    format!("is another StatsD server at {address}? --statsd takes another address, or \"off\"")
                })?;
                socket.set_nonblocking(true)?;
                tracing::info!(address = %socket.local_addr()?, "listening for statsd");
                let handle = std::net::UdpSocket::from(socket.as_fd().try_clone_to_owned()?);
                Some(Udp { readiness: Readiness::from_std(handle)?, socket })
            }
            None => None,
        };
        Ok(Self {
            aggregator: Aggregator::new(config.aggregator()),
            next_rules: None,
            udp,
            ring: Ring::new(RING_SLOTS),
            shown: Sampler::new(SHOW_EVERY),
            datagrams: 0,
            failed_receives: 0,
        })
    }

    /// Waits for datagrams and takes them in; may be dropped and called again at any time.
    pub(crate) async fn receive(&mut self) {
        let Some(udp) = &self.udp else { return std::future::pending().await };
        if udp.readiness.readable().await.is_err() {
            return std::future::pending().await;
        }
        let received = udp.readiness.try_io(Interest::READABLE, || match udp.socket.receive(&mut self.ring) {
            Ok(0) => Err(ErrorKind::WouldBlock.into()),
            received => received,
        });
        match received {
            Ok(count) => self.take(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                self.failed_receives += 1;
                if let Some(left_out) = self.shown.admit(Instant::now()) {
                    tracing::warn!(%error, left_out, "receiving statsd failed");
                }
            }
        }
    }

    fn take(&mut self, count: usize) {
        self.datagrams += count as u64;
        let (ring, shown) = (&self.ring, &mut self.shown);
        self.aggregator.receive_all((0..count).map(|at| ring.view(at)), |refused| {
            if let Some(left_out) = shown.admit(Instant::now()) {
                let line = &refused.line[..refused.line.len().min(MAX_SHOWN_BYTES)];
                let (reason, line) = (refused.reason(), line.escape_ascii());
                tracing::warn!(reason, %line, left_out, "a statsd line is not taken");
            }
        });
    }

    /// Ends the window: its points. The next one may have new rules.
    pub(crate) fn close(&mut self, window: Window) -> Vec<(Series, Value)> {
        let points = self.aggregator.close(window);
        if let Some(rules) = self.next_rules.take() {
            self.aggregator = Aggregator::with_telemetry(rules, self.aggregator.telemetry());
        }
        points
    }

    /// Aggregates by new rules from the next window on. Gauges forget what they were.
    pub(crate) fn reconfigure(&mut self, rules: AggregatorConfig) {
        self.next_rules = Some(rules);
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let statsd = self.aggregator.readings().into_iter().map(|reading| {
            let name = reading.series.name().replacen("weir_", "weir_agent_", 1);
            Reading { series: reading.series.with_name(&name), ..reading }
        });
        let mut readings: Vec<_> = statsd.collect();
        let Some(Udp { socket: udp, .. }) = &self.udp else { return readings };
        let refused = |reason, count, help| {
            Reading::counter("weir_agent_statsd_lost_datagrams_total", &[("reason", reason)], count, help)
        };
        readings.extend([
            Reading::counter("weir_agent_statsd_datagrams_total", &[], self.datagrams, "StatsD datagrams received."),
            refused("kernel_drop", udp.kernel_drops(), LOST_HELP),
            refused("truncated", udp.truncated(), LOST_HELP),
            refused("receive_error", self.failed_receives, LOST_HELP),
            Reading::gauge(
                "weir_agent_statsd_receive_buffer_bytes",
                &[],
                udp.granted_buffer_bytes() as f64,
                "Receive buffer granted by the kernel; if kernel_drop grows, raise it with sysctl net.core.rmem_max.",
            ),
        ]);
        readings
    }
}

const MAX_SHOWN_BYTES: usize = 200;
const LOST_HELP: &str = "StatsD datagrams lost (loss): kernel_drop means that the socket's buffer was full, so raise it \
    with `sysctl -w net.core.rmem_max=16777216` and restart the agent; truncated that a client sends more than 64 KiB \
    at once; receive_error that the system refused to receive, the log says why.";
