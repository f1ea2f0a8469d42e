//! What the gateway counts: every datagram ends in exactly one of these figures.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use std::time::{Duration, Instant};

use weir_sample::{Histogram, Reading};
use weir_wire::Refusal;

/// Figures of one gateway, shared by its threads. Hot ones are added to once per system call, not per datagram.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) datagrams: AtomicU64,
    pub(crate) datagram_bytes: AtomicU64,
    pub(crate) streams: AtomicU64,
    pub(crate) open_streams: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) frame_bytes: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) derived_sessions: AtomicU64,
    pub(crate) acked_batches: AtomicU64,
    pub(crate) acks: AtomicU64,
    pub(crate) ack_bytes: AtomicU64,
    pub(crate) socket_errors: AtomicU64,
    pub(crate) cloned_agents: AtomicU64,
    pub(crate) unacked: Unacked,
    pub(crate) refused: Refused,
    pub(crate) ack_times: Recent,
}

/// Batches that were taken but not acknowledged; their agents send them again and the sink drops the double.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    pub(crate) log_failed: AtomicU64,
    pub(crate) channel_full: AtomicU64,
    pub(crate) not_sent: AtomicU64,
    pub(crate) larger_than_cause: AtomicU64,
}

/// Adding sizes to counters.
pub(crate) trait Add {
    fn add(&self, by: usize);
}

impl Add for AtomicU64 {
    fn add(&self, by: usize) {
        self.fetch_add(by as u64, Relaxed);
    }
}

/// One counter per reason.
#[derive(Debug)]
pub(crate) struct Refused([(&'static str, AtomicU64); REASONS.len()]);

impl Default for Refused {
    fn default() -> Self {
        Self(REASONS.map(|reason| (reason, AtomicU64::new(0))))
    }
}

impl Refused {
    pub(crate) fn count(&self, reason: &str, by: u64) {
        let known = self.0.iter().find(|(name, _)| *name == reason);
        let (_, cell) = known.unwrap_or(&self.0[OTHER]);
        cell.fetch_add(by, Relaxed);
    }
}

/// Times from receiving to acknowledging, of the running minute and the one before it.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<(Histogram, Histogram, Option<Instant>)>);

const RECENT: Duration = Duration::from_secs(60);

impl Recent {
    /// Counts `count` batches that took this long.
    pub(crate) fn record(&self, took: Duration, count: usize, now: Instant) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (current, previous, since) = &mut *recent;
        if now.duration_since(*since.get_or_insert(now)) > RECENT {
            *previous = std::mem::take(current);
            *since = Some(now);
        }
        current.insert_weighted(took.as_secs_f64(), count as f64);
    }

    fn quantile(&self, q: f64) -> f64 {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut both = recent.0.clone();
        both.merge(&recent.1);
        if both.count() == 0.0 { 0.0 } else { both.quantile(q) }
    }
}

impl Counters {
    /// Everything that has arrived, whatever became of it.
    pub(crate) fn received(&self) -> u64 {
        self.datagrams.load(Relaxed) + self.frames.load(Relaxed)
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let counter = |name, cell: &AtomicU64, help| Reading::counter(name, &[], cell.load(Relaxed), help);
        let unacked = |reason, cell: &AtomicU64| {
            let labels = [("reason", reason)];
            Reading::counter("weir_gateway_unacked_batches_total", &labels, cell.load(Relaxed), UNACKED_HELP)
        };
        let quantile = |label, q| {
            let value = self.ack_times.quantile(q);
            Reading::gauge("weir_gateway_ack_seconds", &[("quantile", label)], value, ACK_SECONDS_HELP)
        };
        let mut readings = vec![
            counter("weir_gateway_datagrams_total", &self.datagrams, "Datagrams received for sealed batches."),
            counter("weir_gateway_datagram_bytes_total", &self.datagram_bytes, "Bytes in them, without IP and UDP."),
            counter("weir_gateway_streams_total", &self.streams, "TLS connections accepted."),
            Reading::gauge("weir_gateway_open_streams", &[], self.open_streams.load(Relaxed) as f64, OPEN_HELP),
            counter("weir_gateway_frames_total", &self.frames, "Frames received on TLS streams."),
            counter("weir_gateway_frame_bytes_total", &self.frame_bytes, "Bytes in them, without TLS."),
            counter("weir_gateway_batches_total", &self.batches, "Batches that authenticated and entered the queue."),
            counter("weir_gateway_derived_sessions_total", &self.derived_sessions, DERIVED_HELP),
            counter("weir_gateway_acked_batches_total", &self.acked_batches, "Batches acknowledged as durable."),
            counter("weir_gateway_acks_total", &self.acks, "Acks sent; one may answer several batches."),
            counter("weir_gateway_ack_bytes_total", &self.ack_bytes, "Bytes in them."),
            counter("weir_gateway_socket_errors_total", &self.socket_errors, "Receives that failed. See the log."),
            counter("weir_gateway_cloned_agents_total", &self.cloned_agents, CLONED_HELP),
            unacked("log_failed", &self.unacked.log_failed),
            unacked("channel_full", &self.unacked.channel_full),
            unacked("not_sent", &self.unacked.not_sent),
            unacked("larger_than_cause", &self.unacked.larger_than_cause),
            quantile("0.5", 0.5),
            quantile("0.99", 0.99),
        ];
        readings.extend(self.refused.0.iter().map(|(reason, cell)| {
            Reading::counter("weir_gateway_refused_total", &[("reason", *reason)], cell.load(Relaxed), REFUSED_HELP)
        }));
        readings
    }
}

/// Reasons that a datagram or frame is refused for: those of the wire, then the gateway's own.
const REASONS: [&str; Refusal::ALL.len() + OWN.len()] = {
    let mut reasons = [""; Refusal::ALL.len() + OWN.len()];
    let mut at = 0;
    while at < reasons.len() {
        reasons[at] = if at < Refusal::ALL.len() { Refusal::ALL[at].reason() } else { OWN[at - Refusal::ALL.len()] };
        at += 1;
    }
    reasons
};
const OWN: [&str; 16] = [
    "clock_ahead",
    "agent_rate",
    "tenant_rate",
    "queue_failed",
    "queue_full",
    "queue_busy",
    "oversize",
    "stream_limit",
    "stream_handshake",
    "stream_protocol",
    "stream_token",
    "stream_tenant",
    "stream_frame",
    "stream_slow",
    "stream_broken",
    "other",
];
const OTHER: usize = REASONS.len() - 1;

const UNACKED_HELP: &str = "Batches received but not acknowledged; their agents send them again. log_failed, \
    channel_full: see to the queue's disk. not_sent: the network refused the ack.";
const ACK_SECONDS_HELP: &str = "Time from receiving a batch to acknowledging it, over the last one to two minutes.";
const DERIVED_HELP: &str =
    "Session keys derived. If it follows the datagrams, raise cached_sessions or look for a flood.";
const REFUSED_HELP: &str = "Datagrams and frames refused without a reply. tag, magic, version, too_short, too_long, \
    direction: not from a Weir agent, or damaged. expired, unknown_key: agents must renew their session; see to the \
    fleet keys. denied: on the deny-list. clock_ahead: mend the agent's clock. agent_rate, \
    tenant_rate: more samples a second than admission allows; they stay in the agents' spools. queue_…: see to the queue's disk. stream_…: \
    connections closed: too many, no TLS 1.3 or no weir/1, a bad token or tenant, a frame too long, too slow, or cut off.";
const CLONED_HELP: &str =
    "Times that two agents were found to use one id at once, once an hour for each: the log has both addresses.";
const OPEN_HELP: &str = "TLS connections open. Many of them mean that UDP does not get through to this gateway.";
