//! Lines in, one window's points out.

use std::sync::Arc;

use weir_sample::{Kind, Reading, Series, Timestamp, Value, Window};

use super::ahead::{AHEAD, Ahead, Hashed};
use super::cell::Rules;
use super::cells::Cells;
use super::keys::Keys;
use super::naming::{Naming, OVERFLOW};
use super::room::{Room, Route, shared_overflow};
use super::telemetry::{Counts, Telemetry};
use crate::config::AggregatorConfig;
use crate::line::{CheckRecord, Event, EventRecord, Item, Metric, Reason, Refused, ServiceCheck, Type, parse_lines};

/// Gathers lines per window. One thread owns it; the parts that several gathered merge by [`Value::merge`].
#[derive(Debug)]
pub struct Aggregator {
    naming: Naming,
    rules: Rules,
    room: Room,
    max_events: usize,
    keys: Keys,
    cells: Cells,
    events: Vec<EventRecord>,
    checks: Vec<CheckRecord>,
    counts: Counts,
    telemetry: Arc<Telemetry>,
    /// The Unix second that lines are heard in.
    now: u32,
}

impl Aggregator {
    /// An empty aggregator.
    pub fn new(config: AggregatorConfig) -> Self {
        Self::with_telemetry(config, Arc::default())
    }

    /// An empty aggregator that counts together with others.
    pub fn with_telemetry(config: AggregatorConfig, telemetry: Arc<Telemetry>) -> Self {
        Self {
            naming: Naming::new(&config),
            rules: Rules::new(&config),
            room: Room::new(&config),
            max_events: config.max_events,
            keys: Keys::new(),
            cells: Cells::new(),
            events: Vec::new(),
            checks: Vec::new(),
            counts: Counts::default(),
            telemetry,
            now: 0,
        }
    }

    /// Says when the lines that follow are heard, for those who ask which gauge is the newer ([`close_each`](Self::close_each)).
    pub fn hear_at(&mut self, now: Timestamp) {
        self.now = u32::try_from(now.millis() / 1_000).unwrap_or(0);
    }

    /// Takes in a datagram's lines; `refused` hears of each that is not taken, for a sampled log entry.
    pub fn receive<'a>(&mut self, datagram: &'a [u8], refused: impl FnMut(Refused<'a>)) {
        self.receive_all([datagram], refused);
    }

    /// Takes in the datagrams of one receive call: quicker than one by one if they hold few lines each.
    pub fn receive_all<'a>(
        &mut self,
        datagrams: impl IntoIterator<Item = &'a [u8]>,
        mut refused: impl FnMut(Refused<'a>),
    ) {
        let mut ahead = Ahead::new();
        for datagram in datagrams {
            parse_lines(datagram, |line, item| match item {
                Ok(Item::Metric(metric)) => {
                    let hash = self.keys.hash(&metric);
                    if ahead.push(Hashed { metric, hash, line }) {
                        self.take_ahead(&mut ahead, &mut refused);
                    }
                }
                other => {
                    if let Err(reason) = other.and_then(|item| self.take(&item)) {
                        self.counts.refuse(reason);
                        refused(Refused { reason, line });
                    }
                }
            });
        }
        self.take_ahead(&mut ahead, &mut refused);
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
        self.close_each(window, |series, value, _| points.push((series.clone(), value)));
        points
    }

    /// As [`close`](Self::close), without a copy of every series, and with the second in which a gauge was heard.
    pub fn close_each(&mut self, window: Window, mut each: impl FnMut(&Series, Value, Option<Timestamp>)) {
        for (series, cell) in self.cells.iter_mut() {
            if let Some(value) = cell.close(window.end(), &self.rules) {
                each(series, value, cell.heard());
            }
        }
        self.telemetry.blame(self.room.culprits());
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

    fn take(&mut self, item: &Item<'_>) -> Result<(), Reason> {
        match item {
            Item::Metric(metric) => self.take_metric(metric),
            Item::Event(event) => self.take_event(event),
            Item::ServiceCheck(check) => self.take_check(check),
        }
    }

    // Inlined, the loops would be too large for lookups to overlap.
    #[inline(never)]
    fn take_ahead<'a>(&mut self, ahead: &mut Ahead<'a>, refused: &mut impl FnMut(Refused<'a>)) {
        let mut slots = [None; AHEAD];
        for (slot, line) in slots.iter_mut().zip(ahead.lines()) {
            *slot = self.keys.find(line.hash, &line.metric);
        }
        for (slot, line) in slots.iter().zip(ahead.lines()) {
            match slot.map_or_else(|| self.meet(line.hash, &line.metric), Ok) {
                Ok(at) => self.feed(at, &line.metric),
                Err(reason) => {
                    self.counts.refuse(reason);
                    refused(Refused { reason, line: line.line });
                }
            }
        }
        ahead.clear();
    }

    fn take_metric(&mut self, metric: &Metric<'_>) -> Result<(), Reason> {
        let at = self.meet(self.keys.hash(metric), metric)?;
        self.feed(at, metric);
        Ok(())
    }

    #[inline]
    fn feed(&mut self, at: u32, metric: &Metric<'_>) {
        self.cells.cell(at).add(metric, &self.rules, self.now);
        self.counts.lines += 1;
    }

    /// Finds or makes the cell of a spelling that was not known when its datagram came.
    #[cold]
    fn meet(&mut self, hash: u64, metric: &Metric<'_>) -> Result<u32, Reason> {
        // An earlier line of the same datagram may have been the first.
        if let Some(at) = self.keys.find(hash, metric) {
            return Ok(at);
        }
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
        match self.events.len() < self.max_events {
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
        match self.checks.len() < self.max_events {
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
        if !self.room.enter(series.name()) {
            let at = self.fold(&series, kind)?;
            return Ok(Slot { at, folded: true });
        }
        Ok(Slot { at: self.insert(series, kind), folded: false })
    }

    fn insert(&mut self, series: Series, kind: Kind) -> u32 {
        self.counts.new_series += 1;
        self.cells.insert(series, kind)
    }

    /// The slot that takes what finds no room. A flood comes through here line by line, so the slot is looked for once
    /// per window.
    fn fold(&mut self, series: &Series, kind: Kind) -> Result<u32, Reason> {
        self.counts.folded += 1;
        let route = Route::new(kind, self.naming.is_own(series));
        if let Some(at) = self.room.fold(series.name(), route) {
            return Ok(at);
        }
        let at = self.overflow_slot(series, kind)?;
        self.room.remember(series.name(), route, at);
        Ok(at)
    }

    /// The slot of the metric's overflow series, or of the one that metrics share once too many have their own.
    fn overflow_slot(&mut self, series: &Series, kind: Kind) -> Result<u32, Reason> {
        let own = self.naming.overflow(series.name(), series);
        if let Some(at) = self.held(&own, kind)? {
            return Ok(at);
        }
        let overflow = match self.room.has_overflow_room() {
            true => own,
            false => self.naming.overflow(shared_overflow(kind), series),
        };
        if let Some(at) = self.held(&overflow, kind)? {
            return Ok(at);
        }
        self.room.enter_overflow();
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
        SPELLINGS_PER_SERIES * self.room.max_series() + 1_024
    }

    fn expire(&mut self) {
        let room = &mut self.room;
        let expired = self.cells.expire(&self.rules, |series| match series.label(OVERFLOW) {
            Some(_) => room.leave_overflow(),
            None => room.leave(series.name()),
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

/// In dropping, the series it held are no longer told as held.
impl Drop for Aggregator {
    fn drop(&mut self) {
        self.counts.gone_series += self.cells.len() as u64;
        self.telemetry.take(&mut self.counts);
    }
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

/// Counts events by alert type, priority and tags.
const EVENTS: &str = "statsd_events_total";
/// Counts service checks by name, status and tags.
const CHECKS: &str = "statsd_service_checks_total";
/// A batch's datagram carries 1,200 bytes.
const MAX_SERIES_BYTES: usize = 1_024;
const SPELLINGS_PER_SERIES: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn window() -> Window {
        Window::containing(Timestamp::from_secs(1_000), Duration::from_secs(10))
    }

    fn reading(aggregator: &Aggregator, series: &str) -> f64 {
        let readings = aggregator.readings();
        readings.iter().find(|reading| reading.series.to_string() == series).map_or(f64::NAN, |reading| reading.value)
    }

    #[test]
    fn a_window_holds_what_its_lines_said() {
        let mut aggregator = Aggregator::new(AggregatorConfig { host: Some("h".into()), ..Default::default() });
        aggregator.receive(b"jobs.done:1|c|#q:a\njobs.done:2|c|@0.5|#q:a\nload:3|g\nload:-1|g\nrubbish", |_| {});
        let mut points: Vec<String> =
            aggregator.close(window()).iter().map(|(series, value)| format!("{series} {value:?}")).collect();
        points.sort();
        assert_eq!(points, [r#"jobs_done{host="h",q="a"} Counter(5.0)"#, r#"load{host="h"} Gauge(2.0)"#]);
    }

    #[test]
    fn loss_is_counted_with_its_reason_and_shown_with_its_line() {
        let mut aggregator = Aggregator::new(AggregatorConfig::default());
        let long = format!("a:1|c|#x:{}", "y".repeat(MAX_SERIES_BYTES));
        let datagram = format!("a:1|c\nrubbish\na:1|g\n{long}");
        let mut lines = Vec::new();
        aggregator.receive(datagram.as_bytes(), |refused| lines.push(refused.line.to_vec()));
        assert_eq!(lines, [&b"rubbish"[..], b"a:1|g", long.as_bytes()]);
        for reason in ["malformed", "type_conflict", "too_long"] {
            let series = format!("weir_statsd_refused_lines_total{{reason={reason:?}}}");
            assert_eq!(reading(&aggregator, &series), 1.0, "{reason}");
        }
        assert_eq!(reading(&aggregator, "weir_statsd_lines_total"), 1.0);
    }

    #[test]
    fn the_culprit_is_named_until_it_stops() {
        let config = AggregatorConfig { max_series_per_metric: 1, ..Default::default() };
        let mut aggregator = Aggregator::new(config);
        aggregator.receive(b"a:1|c|#u:1\na:1|c|#u:2\na:1|c|#u:3\nb:1|c", |_| {});
        aggregator.close(window());
        assert_eq!(reading(&aggregator, r#"weir_statsd_culprit_lines{metric="a"}"#), 2.0);
        assert_eq!(reading(&aggregator, r#"weir_statsd_folded_lines_total{reason="series_limit"}"#), 2.0);
        aggregator.close(window().next());
        assert_eq!(aggregator.telemetry().culprits(), []);
    }

    #[test]
    fn exploding_names_share_one_overflow_series() {
        let mut aggregator = Aggregator::new(AggregatorConfig { max_series: 0, ..Default::default() });
        for i in 0..3_000 {
            aggregator.receive(format!("name{i}:1|c").as_bytes(), |refused| panic!("{refused}"));
        }
        assert_eq!(aggregator.series(), 1_001);
        let sum: f64 = aggregator
            .close(window())
            .iter()
            .map(|(_, value)| if let Value::Counter(n) = value { *n } else { 0.0 })
            .sum();
        assert_eq!(sum, 3_000.0);
    }

    #[test]
    fn room_comes_back_when_series_expire() {
        let idle = crate::Idle { counters: 1, ..Default::default() };
        let mut aggregator = Aggregator::new(AggregatorConfig { max_series: 1, idle, ..Default::default() });
        let telemetry = aggregator.telemetry();
        aggregator.receive(b"a:1|c\nb:1|c", |_| {});
        assert_eq!(reading(&aggregator, "weir_statsd_series"), 2.0);
        aggregator.close(window());
        aggregator.close(window().next());
        assert_eq!((aggregator.series(), reading(&aggregator, "weir_statsd_expired_series_total")), (0, 2.0));
        aggregator.receive(b"b:1|c", |_| {});
        assert_eq!(aggregator.close(window())[0].0, Series::named("b"));
        drop(aggregator);
        let series = telemetry.readings().into_iter().find(|reading| reading.series.name() == "weir_statsd_series");
        assert_eq!(series.map(|reading| reading.value), Some(0.0));
    }

    #[test]
    fn spellings_without_end_of_one_series_do_not_pile_up() {
        let deny_tags = vec!["id".to_owned()];
        let mut aggregator = Aggregator::new(AggregatorConfig { max_series: 10, deny_tags, ..Default::default() });
        for i in 0..5_000 {
            aggregator.receive(format!("a:1|c|#id:{i}").as_bytes(), |refused| panic!("{refused}"));
        }
        assert!(aggregator.keys.len() <= aggregator.max_keys());
        assert_eq!(aggregator.close(window()), [(Series::named("a"), Value::Counter(5_000.0))]);
        assert_eq!(aggregator.keys.len(), 0);
    }

    #[test]
    fn events_and_checks_are_kept_up_to_a_limit_and_always_counted() {
        let mut aggregator = Aggregator::new(AggregatorConfig { max_events: 1, ..Default::default() });
        aggregator.receive(b"_e{1,4}:a|b\\nc|h:db1|#x:1\n_e{1,1}:a|b\n_sc|up|2|m:no\n_sc|up|0", |refused| {
            panic!("{refused}")
        });
        let (events, checks) = (aggregator.take_events(), aggregator.take_checks());
        assert_eq!((events.len(), checks.len()), (1, 1));
        assert_eq!((events[0].text.as_str(), events[0].hostname.as_deref()), ("b\nc", Some("db1")));
        assert_eq!((checks[0].status, checks[0].message.as_str()), (crate::Status::Critical, "no"));
        assert_eq!(reading(&aggregator, r#"weir_statsd_shed_events_total{reason="limit"}"#), 2.0);
        assert_eq!(aggregator.close(window()).len(), 4);
        assert_eq!(aggregator.take_events(), []);
    }
}
