//! What became of HTTP connections and requests that were not simply answered.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use weir_sample::Reading;

/// Why this server closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// No request's head came, or not all of it.
    Head,
    /// A request's body did not come in time.
    Body,
    /// Nothing was asked for a while after an answer.
    Idle,
    /// The client does not read its answer.
    Reader,
    /// No TLS came about.
    Handshake,
    /// All connections were taken.
    Full,
    /// The system could not accept one.
    Accept,
}

/// Why a request was refused before its route saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// It is for a host that this server is not known to be.
    Host,
    /// A page of another site sends it.
    Origin,
    /// Any page may send its type unasked.
    ContentType,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    closed: [AtomicU64; CLOSED.len()],
    foreign: [AtomicU64; FOREIGN.len()],
}

/// The reasons by name, in the order of [`Closed`].
const CLOSED: [&str; 7] = ["head_timeout", "body_timeout", "idle", "slow_reader", "handshake", "full", "accept"];
/// The reasons by name, in the order of [`Foreign`].
const FOREIGN: [&str; 3] = ["host", "origin", "content_type"];

const CLOSED_HELP: &str = "HTTP connections that this server closed, by reason. head_timeout, body_timeout, handshake: no \
    whole request, body or TLS handshake came in time; idle: nothing was asked after an answer, which is usual; slow_reader: \
    the client did not read its answer; full: all connections were taken, see weir_http_connections; accept: the system gave \
    none, most likely for want of open files: raise their limit (LimitNOFILE).";
const FOREIGN_HELP: &str = "HTTP requests refused because another site's page may have sent them, by reason. host: for a \
    host that this server is not known to be, origin: from another site's page; put the names that people use in \
    listen.hosts. content_type: a write of a type that any page may send.";

impl Counters {
    pub(crate) fn closed(&self, reason: Closed) {
        self.closed[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn foreign(&self, reason: Foreign) {
        self.foreign[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn readings(&self, open: usize, most: usize) -> Vec<Reading> {
        let help = "Open HTTP connections.";
        let limit = "HTTP connections at most: what the limit of open files leaves beside storage and streams.";
        let mut readings = vec![
            Reading::gauge("weir_http_connections", &[], open as f64, help),
            Reading::gauge("weir_http_connections_limit", &[], most as f64, limit),
        ];
        let counters = |name: &'static str, reasons: &[&str], counts: &[AtomicU64], help| {
            let reading = |(reason, count): (&&str, &AtomicU64)| {
                Reading::counter(name, &[("reason", reason)], count.load(Relaxed), help)
            };
            reasons.iter().zip(counts).map(reading).collect::<Vec<_>>()
        };
        readings.extend(counters("weir_http_closed_connections_total", &CLOSED, &self.closed, CLOSED_HELP));
        readings.extend(counters("weir_http_refused_requests_total", &FOREIGN, &self.foreign, FOREIGN_HELP));
        readings
    }
}
