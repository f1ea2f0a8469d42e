//! What the sink knows of the fleet as a whole, shared with whoever shows it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use weir_sample::{Reading, Timestamp};
use weir_wire::Totals;

use super::Senders;
use super::account::Received;
use super::ledger::Ledger;
use super::marks::Watermarks;
use super::roster::{ALIVE, Roster};
use crate::events::Kept;
use crate::exemplars::Exemplars;
use crate::told::Catalogue;

/// One line about the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FleetStatus {
    /// Agents heard from in the last minute.
    pub agents: u64,
    /// Samples stored per second, over about the last ten seconds.
    pub samples_per_second: f64,
    /// Batches read from the queue, each counted once.
    pub batches_received: u64,
    /// Batches that agents say were acknowledged.
    pub batches_acked: u64,
    /// Sends that agents had to repeat.
    pub batches_resent: u64,
    /// Deliveries of a batch that had been counted already.
    pub batches_duplicate: u64,
    /// Batches that agents had to drop before any gateway took them.
    pub batches_lost: u64,
}

/// The sink's own counters. Written by the sink's thread, read by any.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub agents: AtomicU64,
    pub samples: AtomicU64,
    /// Samples a second, in thousandths.
    pub milli_samples_per_second: AtomicU64,
    pub batches: AtomicU64,
    /// Batches whose window was moved because their agent's clock is ahead, agents of which that is so, and those whose clock seems
    /// behind.
    pub clock_corrected: AtomicU64,
    pub clocks_ahead: AtomicU64,
    pub clocks_behind: AtomicU64,
    /// Samples of series over a limit.
    pub folded: AtomicU64,
    pub duplicates: AtomicU64,
    pub undecodable: AtomicU64,
    /// Records that are for another consumer.
    pub foreign: AtomicU64,
    pub late_added: AtomicU64,
    pub late_gauges: AtomicU64,
    pub too_old: AtomicU64,
    /// Samples of remote write that a rule or limit keeps out.
    pub imported_left_out: AtomicU64,
    /// Differences whose time was counted before, or is too long ago to know.
    pub differences_left_out: AtomicU64,
    /// Windows of targets, and those that a second collector brought.
    pub scrapes: AtomicU64,
    pub scrapes_duplicate: AtomicU64,
    /// Events kept, those over a bound of their tenant, and those whose text was cut on the way.
    pub events: AtomicU64,
    pub events_over_rate: AtomicU64,
    pub events_over_size: AtomicU64,
    pub events_cut: AtomicU64,
    /// Senders in memory, and those that left it.
    pub remembered: AtomicU64,
    pub agents_forgotten: AtomicU64,
    pub jobs_forgotten: AtomicU64,
    pub layouts_resolved: AtomicU64,
    pub checkpoints: AtomicU64,
    pub checkpoint_failures: AtomicU64,
    pub agents_acked: AtomicU64,
    pub agents_resent: AtomicU64,
    pub agents_dropped: AtomicU64,
    pub open_shared_windows: AtomicU64,
    pub lag_ms: AtomicU64,
    /// All that was received until then is in the store; zero before the first look.
    pub stored_until: AtomicI64,
    /// As of the last look at all senders.
    pub watermarks: Mutex<Watermarks>,
    /// What the queue's reader said of itself a moment ago.
    pub reader: Mutex<Vec<Reading>>,
    /// Each tenant's part of the fleet.
    pub tenants: Mutex<Tenants>,
    /// What is shown of single observations.
    pub exemplars: Arc<Exemplars>,
    /// Each agent, while somebody looks.
    pub roster: Roster,
    /// What senders tell of metrics.
    pub metadata: Arc<Catalogue>,
}

/// What of the fleet is whose.
#[derive(Debug, Default)]
pub(crate) struct Tenants {
    at: Option<Timestamp>,
    /// By tenant: the line about it, and its samples until then.
    parts: BTreeMap<u32, (FleetStatus, u64)>,
}

impl Tenants {
    /// Adds up the accounts of agents and of tenants' jobs.
    pub(crate) fn observe(&mut self, now: Timestamp, senders: &Senders, ledger: &Ledger) {
        let mut tenants = BTreeMap::<u32, (FleetStatus, u64)>::new();
        let mut add = |tenant, totals: &Totals, seen: &Received| {
            let (status, samples) = tenants.entry(tenant).or_default();
            status.batches_received += seen.batches;
            status.batches_duplicate += seen.duplicates;
            status.batches_acked += totals.acked_batches;
            status.batches_resent += totals.resent_batches;
            status.batches_lost += totals.dropped_batches;
            *samples += seen.samples;
        };
        senders.values().for_each(|agent| add(agent.tenant, &agent.totals(), &agent.account.seen));
        ledger.jobs.iter().for_each(|(tenant, jobs)| add(*tenant, &jobs.totals, &jobs.account.seen));
        for agent in senders.values().filter(|agent| now.since(agent.last_seen) < ALIVE) {
            tenants.entry(agent.tenant).or_default().0.agents += 1;
        }
        if let Some(then) = self.at {
            for (tenant, (status, samples)) in &mut tenants {
                let earlier = self.parts.get(tenant).map_or(*samples, |(_, samples)| *samples);
                let seconds = now.since(then).as_secs_f64().max(1.0);
                status.samples_per_second = samples.saturating_sub(earlier) as f64 / seconds;
            }
        }
        (self.at, self.parts) = (Some(now), tenants);
    }
}

impl Counters {
    pub(crate) fn status(&self) -> FleetStatus {
        FleetStatus {
            agents: self.agents.load(Relaxed),
            samples_per_second: self.milli_samples_per_second.load(Relaxed) as f64 / 1e3,
            batches_received: self.batches.load(Relaxed),
            batches_acked: self.agents_acked.load(Relaxed),
            batches_resent: self.agents_resent.load(Relaxed),
            batches_duplicate: self.duplicates.load(Relaxed),
            batches_lost: self.agents_dropped.load(Relaxed),
        }
    }

    pub(crate) fn status_of(&self, tenant: u32) -> FleetStatus {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.parts.get(&tenant).map_or_else(FleetStatus::default, |(status, _)| *status)
    }

    pub(crate) fn readings(&self, now: Timestamp) -> Vec<Reading> {
        let marks = self.watermarks.lock().unwrap_or_else(PoisonError::into_inner).readings();
        let told = self.metadata.readings();
        let mut readings = [
            self.of_batches(now),
            self.of_scrapes(),
            self.of_events(),
            self.exemplars.readings(),
            self.of_senders(),
            marks,
            told,
        ]
        .concat();
        readings.extend(self.reader.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        readings
    }

    /// Age of the oldest record that may not be in the store yet.
    pub(crate) fn behind(&self, now: Timestamp) -> Duration {
        match self.stored_until.load(Relaxed) {
            0 => Duration::ZERO,
            until => now.since(Timestamp(until)),
        }
    }

    fn of_batches(&self, now: Timestamp) -> Vec<Reading> {
        let counter = |name, value: &AtomicU64, help| Reading::counter(name, &[], value.load(Relaxed), help);
        let gauge = |name, value: f64, help| Reading::gauge(name, &[], value, help);
        let dropped = |reason, value: &AtomicU64| {
            Reading::counter("weir_sink_dropped_total", &[("reason", reason)], value.load(Relaxed), DROPPED)
        };
        vec![
            counter("weir_sink_samples_total", &self.samples, "Samples written to the store."),
            counter("weir_sink_batches_total", &self.batches, "Batches read from the queue, each counted once."),
            counter(
                "weir_sink_duplicates_total",
                &self.duplicates,
                "Deliveries of a batch that had been counted already; they are not counted again. Many mean lost acks.",
            ),
            counter(
                "weir_sink_clock_corrected_batches_total",
                &self.clock_corrected,
                "Batches whose window was moved back because their agent's clock is ahead: see to its time service.",
            ),
            counter(
                "weir_sink_folded_samples_total",
                &self.folded,
                "Samples of series over a limit, counted under __overflow__. See `weir top series`.",
            ),
            dropped("undecodable", &self.undecodable),
            dropped("foreign", &self.foreign),
            dropped("late_gauge", &self.late_gauges),
            dropped("too_old", &self.too_old),
            dropped("remote_write", &self.imported_left_out),
            dropped("difference", &self.differences_left_out),
            counter(
                "weir_sink_late_parts_total",
                &self.late_added,
                "Parts of shared series that came after their window closed and were added to the oldest open one.",
            ),
            counter("weir_sink_layouts_resolved_total", &self.layouts_resolved, "Layouts looked up in the store."),
            counter("weir_sink_checkpoints_total", &self.checkpoints, "Checkpoints made."),
            counter(
                "weir_sink_checkpoint_failures_total",
                &self.checkpoint_failures,
                "Checkpoints that failed; the queue keeps what they would have covered. See the log and the disk.",
            ),
            gauge(
                "weir_sink_open_shared_windows",
                self.open_shared_windows.load(Relaxed) as f64,
                "Windows of shared series that wait for their allowed lateness to pass.",
            ),
            gauge(
                "weir_sink_lag_seconds",
                self.lag_ms.load(Relaxed) as f64 / 1e3,
                "Age of the newest record read. Growing: the sink does not keep up with the gateways.",
            ),
            gauge("weir_sink_behind_seconds", self.behind(now).as_secs_f64(), BEHIND_HELP),
        ]
    }

    /// Counts events; true for the first that are over a bound.
    pub(crate) fn count_events(&self, Kept { kept, over_rate, over_size, cut }: Kept) -> bool {
        self.events.fetch_add(kept, Relaxed);
        self.events_cut.fetch_add(cut, Relaxed);
        let before =
            self.events_over_rate.fetch_add(over_rate, Relaxed) + self.events_over_size.fetch_add(over_size, Relaxed);
        before == 0 && over_rate + over_size > 0
    }

    fn of_events(&self) -> Vec<Reading> {
        let counter = |name, value: &AtomicU64, help| Reading::counter(name, &[], value.load(Relaxed), help);
        let dropped = |reason, value: &AtomicU64| {
            Reading::counter("weir_sink_events_dropped_total", &[("reason", reason)], value.load(Relaxed), EVENTS)
        };
        vec![
            counter("weir_sink_events_total", &self.events, "Events and service checks kept, each once."),
            counter(
                "weir_sink_events_cut_total",
                &self.events_cut,
                "Events kept without the end of their text, which was too long.",
            ),
            dropped("rate", &self.events_over_rate),
            dropped("size", &self.events_over_size),
        ]
    }

    fn of_scrapes(&self) -> Vec<Reading> {
        let counter = |name, value: &AtomicU64, help| Reading::counter(name, &[], value.load(Relaxed), help);
        vec![
            counter("weir_sink_scrapes_total", &self.scrapes, "Windows of scraped targets, each stored once."),
            counter(
                "weir_sink_scrapes_duplicate_total",
                &self.scrapes_duplicate,
                "Windows of scraped targets that a collector had brought already, as at every hand-over and with replicas.",
            ),
        ]
    }

    fn of_senders(&self) -> Vec<Reading> {
        let gauge = |name, value: &AtomicU64, help| Reading::gauge(name, &[], value.load(Relaxed) as f64, help);
        let forgotten = |sender, value: &AtomicU64| {
            let help = "Senders forgotten after long silence (sink.forget_agents_after_h, forget_jobs_after_h), so that those \
                        that come and go do not fill the memory.";
            Reading::counter("weir_sink_agents_forgotten_total", &[("sender", sender)], value.load(Relaxed), help)
        };
        vec![
            gauge(
                "weir_sink_clocks_ahead",
                &self.clocks_ahead,
                "Agents whose clock is more than an interval ahead. Beyond the gateway's clock_ahead they are refused.",
            ),
            gauge(
                "weir_sink_clocks_behind",
                &self.clocks_behind,
                "Agents whose windows have all come late by more than an interval, while nothing else of them waited: the log \
                 names them; see to their time service.",
            ),
            forgotten("agents", &self.agents_forgotten),
            forgotten("jobs", &self.jobs_forgotten),
            gauge(
                "weir_sink_remembered_agents",
                &self.remembered,
                "Agents and jobs whose counted batches are remembered, silent ones included: about 1 kB each.",
            ),
            gauge("weir_sink_agents", &self.agents, "Agents heard from in the last minute."),
        ]
    }
}

const BEHIND_HELP: &str = "Time that the store is behind: all that gateways acknowledged before it can be read. Beyond queue.max_behind_s \
    /readyz is off and writes are turned away: the sink needs a faster disk or CPU, or fewer samples.";

const EVENTS: &str = "Events and service checks left out (loss): rate means more of one tenant in a minute than [events] per_minute, \
    size more bytes in a day than day_bytes; see who sends them, or raise the bound.";
const DROPPED: &str = "Parts left out, by reason. undecodable: agent and server versions differ; upgrade the server first. \
    late_gauge: a shared gauge came after its window closed; raise sink.lateness_s. too_old: a batch from \
    before its silent sender was forgotten, which may have been counted then: raise \
    sink.forget_agents_after_h, or see to the sender's clock. remote_write: samples of remote write \
    that a rule denies or that are over the tenant's series limit: see `weir top series`. difference: what was sent as a \
    difference (OTLP's delta) of a time that was counted before, as a repeated request's is, or that ended more \
    than two hours ago. foreign: events \
    of alerts, which belong into a log of their own: two folders were mixed up.";
