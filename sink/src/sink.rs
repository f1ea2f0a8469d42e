//! The sink itself: one step reads what the queue has and writes it to the store.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use weir_meters::clock;
use weir_queue::{Checkpoint, Reader};
use weir_sample::{Reading, Timestamp};
use weir_store::{Cut, Store};

use crate::events::EventLog;
use crate::exchange::Exchange;
use crate::exemplars::Exemplars;
use crate::ingest::Ingest;
use crate::senders::fleet::Counters;
use crate::senders::roster::ALIVE;
use crate::series::Admission;
use crate::{Error, SinkConfig, Watermarks, state};

/// Reads records, counts each batch once, writes rows.
pub struct Sink {
    reader: Reader,
    /// When its readings were last taken, and when it last told its place.
    reader_seen: Option<Timestamp>,
    told: Option<Timestamp>,
    ingest: Ingest,
    rate: Rate,
}

/// Bytes taken from the queue per step, so that a shutdown or a checkpoint never waits for long.
const STEP_BYTES: usize = 4 << 20;

/// The reader's readings look at files, so they are taken only so often.
const READER_EVERY: Duration = Duration::from_secs(2);

/// Time between two tellings of its place, by which gateways know how far it is behind.
const TOLD_EVERY: Duration = Duration::from_millis(500);

/// This consumer's name in the queue, which keeps what no consumer has passed.
pub const CONSUMER: &str = "sink";

impl Sink {
    /// Takes up the work where `saved`, the sink state in the store's last checkpoint, left it.
    pub fn open(config: &SinkConfig, store: Arc<Store>, saved: &[u8]) -> Result<Self, Error> {
        Self::resume(config, store, saved, Arc::default(), Arc::default())
    }

    /// As [`Sink::open`], with counters and rules that outlive it.
    pub(crate) fn resume(
        config: &SinkConfig,
        store: Arc<Store>,
        saved: &[u8],
        counters: Arc<Counters>,
        admission: Arc<Admission>,
    ) -> Result<Self, Error> {
        let mut saved = state::decode(saved)?;
        counters.exemplars.set_most(config.max_exemplars);
        let mut reader = Reader::open_at(&config.queue, CONSUMER, &saved.queue)?;
        if let Some(unread) = reader.oldest_unread()? {
            counters.stored_until.store(unread.millis(), Relaxed);
        }
        // The store is what it was at the checkpoint: what was complete since then has to be read again.
        *counters.watermarks.lock().unwrap_or_else(PoisonError::into_inner) = Watermarks::default();
        let parts = config.queue.parts()?;
        let closed = saved.partials.closed_until();
        let ours = std::mem::take(&mut saved.exchange);
        let exchange = parts.map(|parts| Exchange::resume(parts, ours, closed, clock::now()));
        let events = EventLog::resume(config.events.clone(), std::mem::take(&mut saved.events))?;
        let ingest = Ingest::resume(config, store, saved, exchange, events, counters, admission);
        Ok(Self { reader, reader_seen: None, told: None, ingest, rate: Rate::default() })
    }

    /// Writes what the queue has, up to a few MiB; returns how many records that were.
    pub fn step(&mut self, now: Timestamp) -> Result<usize, Error> {
        let mut outcome = Ok(());
        let ingest = &mut self.ingest;
        ingest.now = now;
        ingest.partials.reopen(now, ingest.lateness);
        ingest.follow_rules();
        let polled = self.reader.poll(STEP_BYTES, |record, _| {
            if outcome.is_ok() {
                outcome = ingest.record(record);
            }
        })?;
        outcome?;
        self.ingest.events.flush()?;
        self.ingest.events.sweep(now)?;
        let read = polled.records;
        // While records of the past are read again, windows close by their time, as they did before the crash.
        let clock = if read == 0 && !polled.blind { now } else { self.ingest.newest };
        self.ingest.keep_watermarks(clock)?;
        self.ingest.keep_ledger(clock)?;
        self.ingest.forget_silent();
        let unread = if polled.more { self.reader.oldest_unread()? } else { None };
        // What cannot be seen may be older than anything.
        if !polled.blind {
            self.ingest.counters.stored_until.store(unread.unwrap_or(now).min(now).millis(), Relaxed);
        }
        self.publish(now, read);
        Ok(read)
    }

    /// Makes everything read so far durable, together with where in the queue that was, then lets the queue forget it.
    pub fn checkpoint(&mut self) -> Result<(), Error> {
        let (cut, queue) = self.cut()?;
        let written = self.ingest.store.write(cut);
        self.note_written(&queue, written)
    }

    /// Notes what the store is now and where in the queue that was. The cut may be written beside further steps.
    pub(crate) fn cut(&mut self) -> Result<(Cut, Checkpoint), Error> {
        let queue = self.reader.checkpoint();
        let Ingest {
            senders, ledger, partials, newest, admission, exchange, importer, claims, events, counters, ..
        } = &mut self.ingest;
        let (limits, exchange) = (admission.shared_limits(), exchange.as_mut());
        let exchange = exchange.map(|exchange| {
            exchange.outbox.seal();
            &*exchange
        });
        let mut saved = state::encode(&queue, senders, &ledger.jobs, &limits, partials, *newest, exchange);
        state::append(&mut saved, &importer.running, claims, &counters.metadata);
        events.sync(&mut saved)?;
        Ok((self.ingest.store.cut(&saved)?, queue))
    }

    /// Lets the queue forget what a cut made durable.
    pub(crate) fn note_written(
        &mut self,
        queue: &Checkpoint,
        written: Result<(), weir_store::Error>,
    ) -> Result<(), Error> {
        if let Err(error) = written {
            self.ingest.counters.checkpoint_failures.fetch_add(1, Relaxed);
            return Err(error.into());
        }
        self.ingest.counters.checkpoints.fetch_add(1, Relaxed);
        if let Some(exchange) = &mut self.ingest.exchange {
            exchange.outbox.release();
        }
        self.reader.forget(queue)?;
        Ok(())
    }

    /// The sink's own telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        [self.ingest.counters.readings(self.told.unwrap_or_default()), self.ingest.admission.readings()].concat()
    }

    /// The rules by which series are stored, to be set and looked at while the sink runs.
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.ingest.admission)
    }

    /// Exemplars, for whoever asks.
    pub fn exemplars(&self) -> Arc<Exemplars> {
        Arc::clone(&self.ingest.counters.exemplars)
    }

    /// All that was received until then is in the store.
    pub(crate) fn stored_until(&self) -> Timestamp {
        Timestamp(self.ingest.counters.stored_until.load(Relaxed))
    }

    pub(crate) fn store(&self) -> Arc<Store> {
        self.ingest.store.clone()
    }

    fn publish(&mut self, now: Timestamp, read: usize) {
        let counters = &self.ingest.counters;
        if let Some(per_second) = self.rate.observe(now, counters.samples.load(Relaxed)) {
            counters.milli_samples_per_second.store((per_second * 1e3) as u64, Relaxed);
            let alive = self.ingest.senders.values().filter(|agent| now.since(agent.last_seen) < ALIVE).count();
            counters.agents.store(alive as u64, Relaxed);
            let ahead = self.ingest.senders.values().filter(|agent| agent.clock.is_ahead()).count();
            counters.clocks_ahead.store(ahead as u64, Relaxed);
            let behind = self.ingest.senders.values().filter(|agent| agent.clock.is_behind()).count();
            counters.clocks_behind.store(behind as u64, Relaxed);
            counters.remembered.store(self.ingest.senders.len() as u64, Relaxed);
            let mut tenants = counters.tenants.lock().unwrap_or_else(PoisonError::into_inner);
            tenants.observe(now, &self.ingest.senders, &self.ingest.ledger);
            for (_, agent) in self.ingest.senders.agents_mut() {
                agent.pace.observe(now, agent.account.seen.samples);
            }
        }
        counters.roster.make(now, &self.ingest.senders);
        if self.reader_seen.is_none_or(|seen| now.is_due(seen, READER_EVERY)) {
            self.reader_seen = Some(now);
            let mut readings = self.reader.readings();
            readings.extend(self.ingest.exchange.iter().flat_map(Exchange::readings));
            *counters.reader.lock().unwrap_or_else(PoisonError::into_inner) = readings;
        }
        if self.told.is_none_or(|told| now.is_due(told, TOLD_EVERY)) {
            self.told = Some(now);
            self.reader.tell_place();
        }
        let lag = if read == 0 { Duration::ZERO } else { now.since(self.ingest.newest) };
        counters.lag_ms.store(lag.as_millis() as u64, Relaxed);
        counters.late_added.store(self.ingest.partials.late_added, Relaxed);
        counters.late_gauges.store(self.ingest.partials.late_gauges, Relaxed);
        counters.open_shared_windows.store(self.ingest.partials.open().len() as u64, Relaxed);
    }
}

/// Samples per second between two looks about ten seconds apart.
#[derive(Default)]
struct Rate {
    since: Option<(Timestamp, u64)>,
}

impl Rate {
    const EVERY: Duration = Duration::from_secs(10);

    fn observe(&mut self, now: Timestamp, total: u64) -> Option<f64> {
        let (then, before) = *self.since.get_or_insert((now, total));
        let passed = now.since(then);
        if !now.is_due(then, Self::EVERY) {
            return None;
        }
        self.since = Some((now, total));
        (!passed.is_zero()).then(|| (total - before) as f64 / passed.as_secs_f64())
    }
}
