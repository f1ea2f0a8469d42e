//! A running collector as the program around it has it: what it shows, and what it can be told.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::mpsc;
use weir_sample::Reading;

use crate::board::{Board, DroppedTarget, TargetState};
use crate::config::Config;
use crate::outbox::Outbox;
use crate::sockets::Sockets;

/// Shows a collector, and tells it what to do.
#[derive(Clone)]
pub struct Collector {
    pub(crate) board: Arc<Board>,
    pub(crate) outbox: Outbox,
    pub(crate) sockets: Sockets,
    pub(crate) discovery_failures: Arc<AtomicU64>,
    pub(crate) configs: mpsc::Sender<Config>,
    pub(crate) instance: String,
}

const TARGETS: &str =
    "Targets of the configuration: those that this collector asks, those that others do, those that relabelling drops.";
const FAILED: &str = "Looks at targets that failed, by reason; the log and /api/v1/targets name the target. content: the answer is no \
                      metrics, or over a limit.";

impl Collector {
    /// Follows another configuration. What it had before stays until the new one's places have been asked.
    pub fn reload(&self, config: Config) {
        self.board.shown().bad_config = None;
        // The loop takes them as they come; a second one in the queue is enough.
        let _ = self.configs.try_send(config);
    }

    /// Says why the configuration that there is now cannot be followed.
    pub fn refused(&self, why: String) {
        self.board.counts.reloads_failed.fetch_add(1, Relaxed);
        self.board.shown().bad_config = Some(why);
    }

    /// Who this is, in JSON, for other collectors.
    pub fn member(&self) -> String {
        let leaving = self.board.leaving.load(Relaxed);
        serde_json::json!({ "instance": self.instance, "leaving": leaving }).to_string()
    }

    /// What is not as it should be; an error if it does not ask anything yet, or no more.
    ///
    /// # Errors
    /// Why it is not ready, in words.
    pub fn ready(&self) -> Result<Vec<String>, String> {
        let shown = self.board.shown();
        if self.board.leaving.load(Relaxed) {
            return Err("it ends, and others take its targets".into());
        }
        let Some(view) = &shown.view else { return Err("it does not know yet which collectors there are".into()) };
        let bad = shown.bad_config.iter().map(|why| format!("the configuration of before is followed: {why}"));
        Ok(bad.chain(view.fault.clone()).chain(shown.faults.iter().cloned()).collect())
    }

    /// All targets, in the order of their jobs and addresses.
    pub fn targets(&self) -> Vec<TargetState> {
        let shown = self.board.shown().clone();
        let mut targets: Vec<_> =
            shown.entries.values().map(|entry| entry.state(shown.view.as_ref(), shown.replicas)).collect();
        targets.sort_by(|a, b| (&a.job, &a.url).cmp(&(&b.job, &b.url)));
        targets
    }

    /// Names of all jobs that have targets.
    pub fn jobs(&self) -> Vec<String> {
        let entries = self.board.shown().entries.clone();
        let jobs: std::collections::BTreeSet<String> = entries.values().map(|entry| entry.job()).collect();
        jobs.into_iter().collect()
    }

    /// Some of the addresses that relabelling drops, and how many there are.
    pub fn dropped(&self) -> (Vec<DroppedTarget>, usize) {
        let shown = self.board.shown().clone();
        (shown.dropped.iter().map(DroppedTarget::from).collect(), shown.dropped_count)
    }

    /// Its own telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let (shown, counts, waits) = (self.board.shown().clone(), &self.board.counts, self.outbox.waits());
        let ours = shown.entries.values().filter(|entry| entry.is_ours.load(Relaxed)).count();
        let targets =
            |state, count: usize| Reading::gauge("weir_collect_targets", &[("state", state)], count as f64, TARGETS);
        let mut readings = vec![
            targets("asked", ours),
            targets("left_to_others", shown.entries.len() - ours),
            targets("dropped", shown.dropped_count),
            counter("weir_collect_looks_total", counts.looks.load(Relaxed), "Looks at targets."),
            counter("weir_collect_samples_total", counts.samples.load(Relaxed), "Samples that looks brought."),
            gauge(
                "weir_collect_look_lateness_seconds",
                counts.late_seconds(),
                "How long after it was due a look began; the largest of the last looks. If it grows, this collector has too many targets.",
            ),
            gauge(
                "weir_collect_members",
                shown.view.as_ref().map_or(0, |view| view.live.len()) as f64,
                "Collectors that this one sees, itself among them.",
            ),
            gauge("weir_collect_unsent_looks", waits.looks as f64, "Looks that the server does not have yet."),
            gauge(
                "weir_collect_unsent_bytes",
                waits.bytes as f64,
                "Bytes that wait to be sent; past 64 MiB the oldest go.",
            ),
            counter(
                "weir_collect_dropped_looks_total",
                waits.dropped,
                "Looks that went unsent because too much waited: the server was away for too long, or is too slow.",
            ),
            counter(
                "weir_collect_refused_looks_total",
                waits.refused,
                "Looks of requests that the server refused; its log says why.",
            ),
            gauge(
                "weir_collect_config_ok",
                f64::from(u8::from(shown.bad_config.is_none())),
                "Whether the configuration file as it is now is followed; if not, the last good one is.",
            ),
            counter(
                "weir_collect_reloads_failed_total",
                counts.reloads_failed.load(Relaxed),
                "Configurations that were refused.",
            ),
            counter(
                "weir_collect_discovery_failures_total",
                self.discovery_failures.load(Relaxed),
                "Questions to places that name targets without an answer; what they said before stays.",
            ),
        ];
        readings.extend(self.connections());
        readings.extend(counts.failures().into_iter().map(|(reason, count)| {
            Reading::counter("weir_collect_failed_looks_total", &[("reason", reason)], count, FAILED)
        }));
        readings
    }

    fn connections(&self) -> [Reading; 2] {
        let (most_kept, kept) = self.sockets.kept();
        [
            gauge(
                "weir_collect_connections_kept",
                kept as f64,
                "Connections to targets that stay open from one look to the next.",
            ),
            gauge(
                "weir_collect_connections_kept_max",
                most_kept as f64,
                "How many may stay open, by the limit of open files; with more targets than these, connections are opened for each look.",
            ),
        ]
    }
}

fn counter(name: &str, value: u64, help: &'static str) -> Reading {
    Reading::counter(name, &[], value, help)
}

fn gauge(name: &str, value: f64, help: &'static str) -> Reading {
    Reading::gauge(name, &[], value, help)
}
