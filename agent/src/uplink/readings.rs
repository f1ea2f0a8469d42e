//! The ledger as readings, and what could not be sent.

use std::time::Duration;

use weir_sample::Reading;
use weir_wire::{Ledger, Refusal, Totals};

use super::spool::Spool;

/// How the way up stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub totals: Totals,
    /// Since the start, if there was none.
    pub since_ack: Duration,
    pub spool_bytes: u64,
    pub on_tls: bool,
    pub failed_sessions: u64,
    /// Why nothing is acknowledged: a word, or "none".
    pub trouble: &'static str,
}

/// The figures of the way up. `spool_errors` counts batches that are in memory only.
pub(super) fn readings(standing: &Standing, ledger: &Ledger, spool: Option<&Spool>, spool_errors: u64) -> Vec<Reading> {
    let Standing { totals, since_ack, spool_bytes, on_tls, failed_sessions, .. } = standing;
    let counter = |name, value, help| Reading::counter(name, &[], value, help);
    let gauge = |name, value: u64, help| Reading::gauge(name, &[], value as f64, help);
    let reason = |name, reason, value, help| Reading::counter(name, &[("reason", reason)], value, help);
    let mut readings = vec![
        counter("weir_agent_sealed_batches_total", totals.sealed_batches, "Batches sealed."),
        counter("weir_agent_sealed_samples_total", totals.sealed_samples, "Samples in sealed batches."),
        counter("weir_agent_acked_batches_total", totals.acked_batches, "Batches that a gateway has made durable."),
        counter("weir_agent_resent_batches_total", totals.resent_batches, RESENT_HELP),
        reason("weir_agent_dropped_batches_total", "spool_full", totals.dropped_batches, DROPPED_HELP),
        counter("weir_agent_failed_sends_total", ledger.failed_sends, FAILED_HELP),
        counter("weir_agent_failed_sessions_total", *failed_sessions, SESSIONS_HELP),
        counter("weir_agent_spool_errors_total", spool_errors, SPOOL_HELP),
        reason("weir_agent_left_out_samples_total", "labels_too_long", ledger.left_out, LEFT_OUT_HELP),
        gauge("weir_agent_since_ack_seconds", since_ack.as_secs(), SINCE_HELP),
        gauge("weir_agent_spooled_batches", totals.spooled_batches, "Batches that wait for their ack."),
        gauge("weir_agent_spool_bytes", *spool_bytes, "Bytes of them on disk."),
        counter("weir_agent_spool_damaged_total", spool.map_or(0, Spool::damaged), DAMAGED_HELP),
        gauge("weir_agent_on_tls", u64::from(*on_tls), "1: batches go by TLS, not UDP."),
    ];
    readings.extend(Refusal::ALL.map(|refusal| {
        let count = ledger.refused_acks(refusal);
        reason("weir_agent_refused_acks_total", refusal.reason(), count, REFUSED_ACKS_HELP)
    }));
    readings
}

const RESENT_HELP: &str = "Sends that repeated an earlier one: if it grows, the path to the gateway loses datagrams or \
    the gateway is slow to sync.";
const DROPPED_HELP: &str = "Batches lost because the spool was full (loss): no gateway has acknowledged for long, so \
    look at the gateways and at the path to them, or give the spool more room.";
const SINCE_HELP: &str =
    "Whole seconds since the last ack, or since the start: while it grows batches wait in the spool.";
const FAILED_HELP: &str = "Sends that could not be made, to be repeated later: nobody listens at the server's address, \
    there is no route to it, or its name does not resolve.";
const REFUSED_ACKS_HELP: &str = "What arrived as an ack and was refused. tag, direction: somebody else sends to this port, \
    or the path damages datagrams; unknown_key: an ack came after its session was forgotten.";
const SESSIONS_HELP: &str = "Attempts to get a session key that failed; the log has the server's reason. Batches wait in \
    the spool meanwhile.";
const SPOOL_HELP: &str = "Batches that could not be written to the spool and are in memory only: look at the disk of the \
    state folder.";
const DAMAGED_HELP: &str = "Spool files that ended in half a record when they were read after a restart: after a power \
    cut the last batches may be lost.";
const LEFT_OUT_HELP: &str = "Samples whose labels do not fit a datagram (loss): shorten the labels of the series that \
    the log names.";
