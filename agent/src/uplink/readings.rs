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

impl Standing {
    /// How it stands, in words.
    pub(crate) fn sentence(&self) -> String {
        let Self { totals, since_ack, trouble, .. } = self;
        let (sealed, waiting, since) = (grouped(totals.sealed_batches), totals.spooled_batches, since_ack.as_secs());
        let why = if *trouble == "none" { String::new() } else { format!(" ({trouble})") };
        let stands = match (totals.sealed_batches, totals.acked_batches, waiting) {
            (0, _, 0) => "no batch made yet: the first window has not ended".to_owned(),
            (1, _, 0) => format!("the one batch is acknowledged, {since} s ago"),
            (_, _, 0) => format!("all {sealed} batches acknowledged, last {since} s ago"),
            (_, 0, _) => format!("none of {sealed} batches is acknowledged yet, {since} s after the start{why}"),
            (_, _, 1) => {
                format!("1 of {sealed} batches waits for its acknowledgement, the last came {since} s ago{why}")
            }
            _ => {
                let waiting = grouped(waiting);
                format!(
                    "{waiting} of {sealed} batches wait for their acknowledgement, the last came {since} s ago{why}"
                )
            }
        };
        match totals.dropped_batches {
            0 => stands,
            lost => format!("{stands}; {} lost because the spool was full", grouped(lost)),
        }
    }
}

/// `1,841`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The figures of the way up; the last are batches that are in memory only, and events that fit no datagram.
pub(super) fn readings(
    standing: &Standing,
    ledger: &Ledger,
    spool: Option<&Spool>,
    (spool_errors, left_out_events): (u64, u64),
) -> Vec<Reading> {
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
        reason("weir_agent_left_out_events_total", "too_long", left_out_events, LEFT_OUT_EVENTS_HELP),
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
const LEFT_OUT_EVENTS_HELP: &str = "Events and service checks whose title and tags do not fit a datagram (loss): shorten them. Of a \
    text that is too long only the end is left out.";
const LEFT_OUT_HELP: &str = "Samples whose labels do not fit a datagram (loss): shorten the labels of the series that \
    the log names.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_up_is_told_in_words() {
        let check = |[sealed, acked, waiting, dropped]: [u64; 4], trouble, expected: &str| {
            let totals = Totals {
                sealed_batches: sealed,
                acked_batches: acked,
                spooled_batches: waiting,
                dropped_batches: dropped,
                ..Totals::default()
            };
            let since_ack = Duration::from_millis(1_900);
            let standing = Standing { totals, since_ack, spool_bytes: 0, on_tls: false, failed_sessions: 0, trouble };
            assert_eq!(standing.sentence(), expected);
        };
        check([0; 4], "none", "no batch made yet: the first window has not ended");
        check([1_841, 1_841, 0, 0], "none", "all 1,841 batches acknowledged, last 1 s ago");
        check([2, 0, 2, 0], "silent", "none of 2 batches is acknowledged yet, 1 s after the start (silent)");
        let lost = "1,000 of 1,234,567 batches wait for their acknowledgement, the last came 1 s ago; 5 lost because the spool was full";
        check([1_234_567, 9, 1_000, 5], "none", lost);
    }
}
