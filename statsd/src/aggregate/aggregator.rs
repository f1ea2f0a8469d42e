//! Lines in, one window's points out.

use std::sync::Arc;

use weir_sample::{Reading, Series, Timestamp, Value, Window};

use super::ahead::{AHEAD, Ahead, Hashed};
use super::cell::Rules;
use super::kept::Kept;
use super::slots::Slots;
use super::telemetry::{Counts, Telemetry};
use crate::config::AggregatorConfig;
use crate::line::{Event, Item, Metric, Reason, Refused, ServiceCheck, parse_lines};

/// Gathers lines per window. One thread owns it; the parts that several gathered merge by [`Value::merge`].
#[derive(Debug)]
pub struct Aggregator {
    rules: Rules,
    pub(super) slots: Slots,
    kept: Kept,
    counts: Counts,
    telemetry: Arc<Telemetry>,
    /// The Unix second that lines are heard in.
    now: u32,
}

/// Counts events by alert type, priority and tags.
const EVENTS: &str = "statsd_events_total";
/// Counts service checks by name, status and tags.
const CHECKS: &str = "statsd_service_checks_total";
/// What a service check found last, from 0 (ok) to 3 (unknown), by name and tags.
const CHECK: &str = "statsd_service_check";

impl Aggregator {
    /// An empty aggregator.
    pub fn new(config: AggregatorConfig) -> Self {
        Self::with_telemetry(config, Arc::default())
    }

    /// An empty aggregator that counts together with others.
    pub fn with_telemetry(config: AggregatorConfig, telemetry: Arc<Telemetry>) -> Self {
        Self {
            rules: Rules::new(&config),
            slots: Slots::new(&config),
            kept: Kept::new(config.max_events),
            counts: Counts::default(),
            telemetry,
            now: 0,
        }
    }

    /// Says when the lines that follow are heard, for events, and for those who ask which gauge is the
    /// newer ([`close_each`](Self::close_each)).
    pub fn hear_at(&mut self, now: Timestamp) {
        self.now = u32::try_from(now.millis() / 1_000).unwrap_or(0);
    }

    /// Adds up a datagram's lines; `refused` hears of each that is not taken, for a sampled log entry.
    pub fn receive<'a>(&mut self, datagram: &'a [u8], refused: impl FnMut(Refused<'a>)) {
        self.receive_all([datagram], refused);
    }

    /// Adds up the datagrams of one receive call: quicker than one by one if they hold few lines each.
    pub fn receive_all<'a>(
        &mut self,
        datagrams: impl IntoIterator<Item = &'a [u8]>,
        mut refused: impl FnMut(Refused<'a>),
    ) {
        let mut ahead = Ahead::new();
        for datagram in datagrams {
            parse_lines(datagram, |line, item| match item {
                Ok(Item::Metric(metric)) => {
                    let hash = self.slots.hash(&metric);
                    if ahead.push(Hashed { metric, hash, line }) {
                        self.ingest_ahead(&mut ahead, &mut refused);
                    }
                }
                other => {
                    if let Err(reason) = other.and_then(|item| self.ingest(&item)) {
                        self.counts.refuse(reason);
                        refused(Refused { reason, line });
                    }
                }
            });
        }
        self.ingest_ahead(&mut ahead, &mut refused);
        self.telemetry.absorb(&mut self.counts);
    }

    /// Adds up one item. [`receive`](Self::receive) is the quicker way for whole datagrams.
    pub fn add(&mut self, item: &Item<'_>) -> Result<(), Reason> {
        let taken = self.ingest(item).inspect_err(|&reason| self.counts.refuse(reason));
        self.telemetry.absorb(&mut self.counts);
        taken
    }

    /// Ends the window: its points, in no order. What was idle for too long leaves memory.
    pub fn close(&mut self, window: Window) -> Vec<(Series, Value)> {
        let mut points = Vec::with_capacity(self.slots.len());
        self.close_each(window, |series, value, _| points.push((series.clone(), value)));
        points
    }

    /// As [`close`](Self::close), without a copy of every series, and with the second in which a gauge was heard.
    pub fn close_each(&mut self, window: Window, mut each: impl FnMut(&Series, Value, Option<Timestamp>)) {
        for (series, cell) in self.slots.iter_mut() {
            if let Some(value) = cell.close(window.end(), &self.rules) {
                each(series, value, cell.heard());
            }
        }
        self.telemetry.blame(self.slots.culprits());
        self.slots.expire(&self.rules, &mut self.counts);
        self.telemetry.absorb(&mut self.counts);
    }

    /// The events and service checks since the last call, in order.
    pub fn drain_events(&mut self) -> Vec<weir_sample::Event> {
        self.kept.drain()
    }

    /// Series held in memory.
    pub fn series(&self) -> usize {
        self.slots.len()
    }

    /// The counters, to be read by another thread.
    pub fn telemetry(&self) -> Arc<Telemetry> {
        Arc::clone(&self.telemetry)
    }

    /// The counters' figures.
    pub fn readings(&self) -> Vec<Reading> {
        self.telemetry.readings()
    }

    fn ingest(&mut self, item: &Item<'_>) -> Result<(), Reason> {
        match item {
            Item::Metric(metric) => self.ingest_metric(metric),
            Item::Event(event) => self.ingest_event(event),
            Item::ServiceCheck(check) => self.ingest_check(check),
        }
    }

    // Inlined, the loops would be too large for lookups to overlap.
    #[inline(never)]
    fn ingest_ahead<'a>(&mut self, ahead: &mut Ahead<'a>, refused: &mut impl FnMut(Refused<'a>)) {
        let mut slots = [None; AHEAD];
        for (slot, line) in slots.iter_mut().zip(ahead.lines()) {
            *slot = self.slots.find(line.hash, &line.metric);
        }
        for (slot, line) in slots.iter().zip(ahead.lines()) {
            match slot.map_or_else(|| self.slots.resolve(line.hash, &line.metric, &mut self.counts), Ok) {
                Ok(at) => self.feed(at, &line.metric),
                Err(reason) => {
                    self.counts.refuse(reason);
                    refused(Refused { reason, line: line.line });
                }
            }
        }
        ahead.clear();
    }

    fn ingest_metric(&mut self, metric: &Metric<'_>) -> Result<(), Reason> {
        let at = self.slots.resolve(self.slots.hash(metric), metric, &mut self.counts)?;
        self.feed(at, metric);
        Ok(())
    }

    #[inline]
    fn feed(&mut self, at: u32, metric: &Metric<'_>) {
        self.slots.cell(at).add(metric, &self.rules, self.now);
        self.counts.lines += 1;
    }

    fn ingest_event(&mut self, event: &Event<'_>) -> Result<(), Reason> {
        let labels = [("alert_type", event.alert_type()), ("priority", event.priority())];
        self.slots.count_one(EVENTS, &labels, event.tags(), &mut self.counts)?;
        self.counts.events += 1;
        self.counts.shed_events += u64::from(!self.kept.keep_event(event, self.now));
        Ok(())
    }

    fn ingest_check(&mut self, check: &ServiceCheck<'_>) -> Result<(), Reason> {
        let labels = [("check", check.name()), ("status", check.status().name())];
        self.slots.count_one(CHECKS, &labels, check.tags(), &mut self.counts)?;
        let found = (f64::from(check.status() as u8), self.now);
        self.slots.set_one(CHECK, &labels[..1], check.tags(), found, &mut self.counts)?;
        self.counts.checks += 1;
        self.counts.shed_events += u64::from(!self.kept.keep_check(check, self.now));
        Ok(())
    }
}

/// In dropping, the series it held are no longer told as held.
impl Drop for Aggregator {
    fn drop(&mut self) {
        self.counts.gone_series += self.slots.len() as u64;
        self.telemetry.absorb(&mut self.counts);
    }
}
