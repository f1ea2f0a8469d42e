//! Lines in, one window's points out.

use std::collections::HashMap;
use std::sync::Arc;

use weir_sample::{Kind, Reading, Series, Value, Window};

use crate::cell::Rules;
use crate::cells::Cells;
use crate::config::AggregatorConfig;
use crate::event::{Event, ServiceCheck};
use crate::keys::Keys;
use crate::line::{Item, Metric, Type, parse_lines};
use crate::naming::{Naming, OVERFLOW};
use crate::record::{CheckRecord, EventRecord};
use crate::refused::{Reason, Refused};
use crate::telemetry::{Counts, Culprit, Telemetry};

/// Gathers lines per window. One thread owns it; the parts that several gathered merge by [`Value::merge`].
#[derive(Debug)]
pub struct Aggregator {
    naming: Naming,
    rules: Rules,
    limits: Limits,
    keys: Keys,
    cells: Cells,
    /// Series held apart, by metric.
    metrics: HashMap<Box<str>, usize>,
    /// Lines folded in this window, by metric.
    folded: HashMap<Box<str>, Folded>,
    overflow_series: usize,
    events: Vec<EventRecord>,
    checks: Vec<CheckRecord>,
    counts: Counts,
    telemetry: Arc<Telemetry>,
}

#[derive(Debug)]
struct Limits {
    series: usize,
    series_per_metric: usize,
    events: usize,
}

impl Aggregator {
    /// An empty aggregator.
    pub fn new(config: AggregatorConfig) -> Self {
        Self::with_telemetry(config, Arc::default())
    }

    /// An empty aggregator that counts together with others.
    pub fn with_telemetry(config: AggregatorConfig, telemetry: Arc<Telemetry>) -> Self {
        let limits = Limits {
            series: config.max_series,
            series_per_metric: config.max_series_per_metric,
            events: config.max_events,
        };
        Self {
            naming: Naming::new(&config),
            rules: Rules::new(&config),
            limits,
            keys: Keys::new(),
            cells: Cells::new(),
            metrics: HashMap::new(),
            folded: HashMap::new(),
            overflow_series: 0,
            events: Vec::new(),
            checks: Vec::new(),
            counts: Counts::default(),
            telemetry,
        }
    }

    /// Takes in a datagram's lines; `refused` hears of each that is not taken, for a sampled log entry.
    pub fn receive<'a>(&mut self, datagram: &'a [u8], mut refused: impl FnMut(Refused<'a>)) {
        parse_lines(datagram, |line, item| {
            if let Err(reason) = item.and_then(|item| self.take(&item)) {
                self.counts.refuse(reason);
                refused(Refused { reason, line });
            }
        });
        self.telemetry.take(&mut self.counts);
    }

    /// Takes in one item. [`receive`](Self::receive) is the quicker way for whole datagrams.
    pub fn add(&mut self, item: &Item<'_>) -> Result<(), Reason> {
        let taken = self.take(item).inspect_err(|&reason| self.counts.refuse(reason));
        self.telemetry.take(&mut self.counts);
        taken
    }

    /// Ends the window: its points, in no order. What was idle for too long leaves memory.
    pub fn close(&mut self, window: Window) -> Vec<(Series, Value)> {
        let mut points = Vec::with_capacity(self.cells.len());
        self.close_each(window, |series, value| points.push((series.clone(), value)));
        points
    }

    /// As [`close`](Self::close), without a copy of every series.
    pub fn close_each(&mut self, window: Window, mut each: impl FnMut(&Series, Value)) {
        for (series, cell) in self.cells.iter_mut() {
            if let Some(value) = cell.close(window.end(), &self.rules) {
                each(series, value);
            }
        }
        self.blame();
        self.expire();
        self.telemetry.take(&mut self.counts);
    }

    /// The events since the last call.
    pub fn take_events(&mut self) -> Vec<EventRecord> {
        std::mem::take(&mut self.events)
    }

    /// The service checks since the last call.
    pub fn take_checks(&mut self) -> Vec<CheckRecord> {
        std::mem::take(&mut self.checks)
    }

    /// Series held in memory.
    pub fn series(&self) -> usize {
        self.cells.len()
    }

    /// The counters, to be read by another thread.
    pub fn telemetry(&self) -> Arc<Telemetry> {
        Arc::clone(&self.telemetry)
    }

    /// The counters' figures.
    pub fn readings(&self) -> Vec<Reading> {
        self.telemetry.readings()
    }

    #[inline]
    fn take(&mut self, item: &Item<'_>) -> Result<(), Reason> {
        match item {
            Item::Metric(metric) => self.take_metric(metric),
            Item::Event(event) => self.take_event(event),
            Item::ServiceCheck(check) => self.take_check(check),
        }
    }

    #[inline]
    fn take_metric(&mut self, metric: &Metric<'_>) -> Result<(), Reason> {
        let hash = self.keys.hash(metric);
        let at = match self.keys.find(hash, metric) {
            Some(at) => at,
            None => self.meet(hash, metric)?,
        };
        self.cells.cell(at).add(metric, &self.rules);
        self.counts.lines += 1;
        Ok(())
    }

    /// Finds or makes the cell of a spelling that was not seen before.
    #[cold]
    fn meet(&mut self, hash: u64, metric: &Metric<'_>) -> Result<u32, Reason> {
        let series = self.naming.series(metric);
        let slot = self.slot(series, kind_of(metric.kind))?;
        // Folded spellings are not remembered: there is no end to them.
        if !slot.folded && self.keys.len() < self.max_keys() {
            self.keys.insert(hash, metric, slot.at);
        }
        Ok(slot.at)
    }

    fn take_event(&mut self, event: &Event<'_>) -> Result<(), Reason> {
        let labels = [("alert_type", event.alert_type()), ("priority", event.priority())];
        let series = self.naming.counted(EVENTS, &labels, event.tags());
        self.count_one(series)?;
        self.counts.events += 1;
        match self.events.len() < self.limits.events {
            true => self.events.push(event.into()),
            false => self.counts.shed_events += 1,
        }
        Ok(())
    }

    fn take_check(&mut self, check: &ServiceCheck<'_>) -> Result<(), Reason> {
        let labels = [("check", check.name()), ("status", check.status().name())];
        let series = self.naming.counted(CHECKS, &labels, check.tags());
        self.count_one(series)?;
        self.counts.checks += 1;
        match self.checks.len() < self.limits.events {
            true => self.checks.push(check.into()),
            false => self.counts.shed_events += 1,
        }
        Ok(())
    }

    fn count_one(&mut self, series: Series) -> Result<(), Reason> {
        let slot = self.slot(series, Kind::Counter)?;
        self.cells.cell(slot.at).count(1.0);
        Ok(())
    }

    fn slot(&mut self, series: Series, kind: Kind) -> Result<Slot, Reason> {
        if series.key().len() > MAX_SERIES_BYTES {
            return Err(Reason::TooLong);
        }
        if let Some(at) = self.held(&series, kind)? {
            return Ok(Slot { at, folded: false });
        }
        if !self.has_room(series.name()) {
            let at = self.fold(&series, kind)?;
            return Ok(Slot { at, folded: true });
        }
        *self.metrics.entry(series.name().into()).or_default() += 1;
        Ok(Slot { at: self.insert(series, kind), folded: false })
    }

    fn insert(&mut self, series: Series, kind: Kind) -> u32 {
        self.counts.new_series += 1;
        self.cells.insert(series, kind)
    }

    fn has_room(&self, metric: &str) -> bool {
        let limit = self.limits.series_per_metric;
        let held = self.metrics.get(metric).copied().unwrap_or_default();
        (limit == 0 || held < limit) && self.cells.len() - self.overflow_series < self.limits.series
    }

    /// The slot that takes what no longer has one of its own. A flood comes through here line by line, so the slot is
    /// looked for once per window.
    fn fold(&mut self, series: &Series, kind: Kind) -> Result<u32, Reason> {
        self.counts.folded += 1;
        let route = 2 * kind as usize + usize::from(self.naming.is_own(series));
        if let Some(folded) = self.folded.get_mut(series.name()) {
            folded.lines += 1;
            if let Some(at) = folded.slots[route] {
                return Ok(at);
            }
        }
        let at = self.overflow_slot(series, kind)?;
        if self.folded.len() < MAX_FOLDED_METRICS {
            let folded = self.folded.entry(series.name().into()).or_insert(Folded { lines: 1, slots: [None; 8] });
            folded.slots[route] = Some(at);
        }
        Ok(at)
    }

    /// The metric's overflow series, or past [`MAX_FOLDED_METRICS`] the one that all metrics of a kind share.
    fn overflow_slot(&mut self, series: &Series, kind: Kind) -> Result<u32, Reason> {
        let own = self.naming.overflow(series.name(), series);
        if let Some(at) = self.held(&own, kind)? {
            return Ok(at);
        }
        let overflow = match self.overflow_series < MAX_FOLDED_METRICS {
            true => own,
            false => self.naming.overflow(shared_overflow(kind), series),
        };
        if let Some(at) = self.held(&overflow, kind)? {
            return Ok(at);
        }
        self.overflow_series += 1;
        Ok(self.insert(overflow, kind))
    }

    /// The slot of a series that is held as the same kind.
    fn held(&mut self, series: &Series, kind: Kind) -> Result<Option<u32>, Reason> {
        match self.cells.find(series) {
            Some(at) if self.cells.cell(at).kind() != Some(kind) => Err(Reason::TypeConflict),
            found => Ok(found),
        }
    }

    fn max_keys(&self) -> usize {
        SPELLINGS_PER_SERIES * self.limits.series + 1_024
    }

    fn blame(&mut self) {
        let mut culprits: Vec<_> = self
            .folded
            .drain()
            .map(|(metric, folded)| Culprit { metric: metric.into(), lines: folded.lines })
            .collect();
        culprits.sort_unstable_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.metric.cmp(&b.metric)));
        culprits.truncate(MAX_CULPRITS);
        self.telemetry.blame(culprits);
    }

    fn expire(&mut self) {
        let Self { cells, metrics, overflow_series, .. } = self;
        let expired = cells.expire(&self.rules, |series| match series.label(OVERFLOW) {
            Some(_) => *overflow_series -= 1,
            None => leave(metrics, series.name()),
        });
        self.counts.expired += expired as u64;
        if self.keys.len() >= self.max_keys() {
            // Dropped tags can spell one series in endless ways; those in use are soon met again.
            self.keys.retain(|_| false);
        } else if expired > 0 {
            self.keys.retain(|at| self.cells.is_held(at));
        }
    }
}

fn leave(metrics: &mut HashMap<Box<str>, usize>, metric: &str) {
    let Some(held) = metrics.get_mut(metric) else { return };
    *held -= 1;
    if *held == 0 {
        metrics.remove(metric);
    }
}

/// What one metric has folded in this window.
#[derive(Debug)]
struct Folded {
    lines: u64,
    /// Where, by kind, shared or own.
    slots: [Option<u32>; 8],
}

struct Slot {
    at: u32,
    folded: bool,
}

fn kind_of(kind: Type) -> Kind {
    match kind {
        Type::Counter => Kind::Counter,
        Type::Gauge => Kind::Gauge,
        Type::Timer | Type::Distribution => Kind::Distribution,
        Type::Set => Kind::Set,
    }
}

fn shared_overflow(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "statsd_overflow_counters",
        Kind::Gauge => "statsd_overflow_gauges",
        Kind::Distribution => "statsd_overflow_distributions",
        Kind::Set => "statsd_overflow_sets",
    }
}

/// Counts events by alert type, priority and tags.
const EVENTS: &str = "statsd_events_total";
/// Counts service checks by name, status and tags.
const CHECKS: &str = "statsd_service_checks_total";
/// A batch's datagram carries 1,200 bytes.
const MAX_SERIES_BYTES: usize = 1_024;
/// Metrics that have an overflow series of their own.
const MAX_FOLDED_METRICS: usize = 1_000;
const MAX_CULPRITS: usize = 10;
const SPELLINGS_PER_SERIES: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use weir_sample::Timestamp;

    #[test]
    fn a_window_holds_what_its_lines_said() {
        let mut aggregator = Aggregator::new(AggregatorConfig { host: Some("h".into()), ..Default::default() });
        aggregator.receive(b"jobs.done:1|c|#q:a\njobs.done:2|c|@0.5|#q:a\nload:3|g\nload:-1|g\nrubbish", |_| {});
        let window = Window::containing(Timestamp::from_secs(1_000), Duration::from_secs(10));
        let mut points: Vec<String> =
            aggregator.close(window).iter().map(|(series, value)| format!("{series} {value:?}")).collect();
        points.sort();
        assert_eq!(points, [r#"jobs_done{host="h",q="a"} Counter(5.0)"#, r#"load{host="h"} Gauge(2.0)"#]);
    }
}
