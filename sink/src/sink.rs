//! The sink itself: one step reads what the queue has and writes it to the store.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use std::collections::HashMap;
use weir_queue::{Checkpoint, Reader, Record};
use weir_sample::{Reading, Timestamp, Window};
use weir_store::{Cut, Store};
use weir_wire::{AgentId, BatchHead, Decoder, Totals, Values};

use crate::admission::{Admission, Grant};
use crate::agents::Agent;
use crate::fleet::Counters;
use crate::ledger::{self, Ledger};
use crate::plan::Plan;
use crate::shared::Shared;
use crate::{Error, state};

/// What the sink may be told.
#[derive(Clone, Debug)]
pub struct SinkConfig {
    /// Root folder of the queue.
    pub queue: PathBuf,
    /// How long a window of a shared series waits for late parts after its end.
    pub lateness: Duration,
}

/// Reads records, counts each batch once, writes rows.
pub struct Sink {
    reader: Reader,
    /// When its readings were last taken.
    reader_seen: Option<Timestamp>,
    desk: Desk,
    rate: Rate,
}

/// Everything that a record meets on its way to the store.
struct Desk {
    store: Arc<Store>,
    lateness: Duration,
    agents: HashMap<AgentId, Agent>,
    shared: Shared,
    ledger: Ledger,
    decoder: Decoder,
    values: Values,
    row: Vec<f64>,
    newest: Timestamp,
    counters: Arc<Counters>,
    admission: Arc<Admission>,
    /// Of the rules that the plans were made by.
    generation: u64,
}

/// Bytes taken from the queue per step, so that a shutdown or a checkpoint never waits for long.
const STEP_BYTES: usize = 4 << 20;

/// The reader's readings look at files, so they are taken only so often.
const READER_EVERY: Duration = Duration::from_secs(2);

/// This consumer's name in the queue, which keeps what no consumer has passed.
const CONSUMER: &str = "sink";

/// Silence after which an agent no longer counts as alive.
const ALIVE: Duration = Duration::from_secs(60);

impl Sink {
    /// Takes up the work where `saved`, the sink state in the store's last checkpoint, left it.
    pub fn open(config: &SinkConfig, store: Arc<Store>, saved: &[u8]) -> Result<Self, Error> {
        let saved = state::decode(saved)?;
        let reader = Reader::open(&config.queue, CONSUMER, &saved.queue)?;
        let desk = Desk {
            store,
            lateness: config.lateness,
            ledger: Ledger::resume(saved.agents.keys(), saved.newest),
            agents: saved.agents,
            shared: saved.shared,
            decoder: Decoder::new(),
            values: Values::default(),
            row: Vec::new(),
            newest: saved.newest,
            counters: Arc::default(),
            admission: Arc::default(),
            generation: 0,
        };
        Ok(Self { reader, reader_seen: None, desk, rate: Rate::default() })
    }

    /// Writes what the queue has, up to a few MiB; returns how many records that were.
    pub fn step(&mut self, now: Timestamp) -> Result<usize, Error> {
        let mut outcome = Ok(());
        let desk = &mut self.desk;
        desk.follow_rules();
        let polled = self.reader.poll(STEP_BYTES, |record, _| {
            if outcome.is_ok() {
                outcome = desk.take(record);
            }
        })?;
        outcome?;
        let read = polled.records;
        // While records of the past are read again, windows close by their time, as they did before the crash.
        let clock = if read == 0 { now } else { self.desk.newest };
        self.desk.shared.close(clock, self.desk.lateness, &self.desk.store)?;
        self.desk.keep_ledger(clock)?;
        self.publish(now, read);
        Ok(read)
    }

    /// Makes everything read so far durable, together with where in the queue that was, then lets the queue forget it.
    pub fn checkpoint(&mut self) -> Result<(), Error> {
        let (cut, queue) = self.cut()?;
        let written = self.desk.store.write(cut);
        self.note_written(&queue, written)
    }

    /// Notes what the store is now and where in the queue that was. The cut may be written beside further steps.
    pub(crate) fn cut(&mut self) -> Result<(Cut, Checkpoint), Error> {
        let queue = self.reader.checkpoint();
        let saved = state::encode(&queue, &self.desk.agents, &self.desk.shared, self.desk.newest);
        Ok((self.desk.store.cut(&saved)?, queue))
    }

    /// Lets the queue forget what a cut made durable.
    pub(crate) fn note_written(
        &mut self,
        queue: &Checkpoint,
        written: Result<(), weir_store::Error>,
    ) -> Result<(), Error> {
        if let Err(error) = written {
            self.desk.counters.checkpoint_failures.fetch_add(1, Relaxed);
            return Err(error.into());
        }
        self.desk.counters.checkpoints.fetch_add(1, Relaxed);
        self.reader.forget(queue)?;
        Ok(())
    }

    /// The sink's own telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        [self.desk.counters.readings(), self.desk.admission.readings()].concat()
    }

    /// The rules by which series are stored, to be set and looked at while the sink runs.
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.desk.admission)
    }

    pub(crate) fn store(&self) -> Arc<Store> {
        self.desk.store.clone()
    }

    pub(crate) fn counters(&self) -> Arc<Counters> {
        self.desk.counters.clone()
    }

    fn publish(&mut self, now: Timestamp, read: usize) {
        let counters = &self.desk.counters;
        if let Some(per_second) = self.rate.observe(now, counters.samples.load(Relaxed)) {
            counters.milli_samples_per_second.store((per_second * 1e3) as u64, Relaxed);
            let alive = self.desk.agents.values().filter(|agent| now.since(agent.last_seen) < ALIVE).count();
            counters.agents.store(alive as u64, Relaxed);
            let ahead = self.desk.agents.values().filter(|agent| !agent.clock_ahead.is_zero()).count();
            counters.clocks_ahead.store(ahead as u64, Relaxed);
        }
        if self.reader_seen.is_none_or(|seen| now.since(seen) >= READER_EVERY) {
            self.reader_seen = Some(now);
            *counters.reader.lock().unwrap_or_else(PoisonError::into_inner) = self.reader.readings();
        }
        let lag = if read == 0 { Duration::ZERO } else { now.since(self.desk.newest) };
        counters.lag_ms.store(lag.as_millis() as u64, Relaxed);
        counters.late_added.store(self.desk.shared.late_added, Relaxed);
        counters.late_gauges.store(self.desk.shared.late_gauges, Relaxed);
        counters.open_shared_windows.store(self.desk.shared.open().len() as u64, Relaxed);
    }
}

/// An agent was given a key on other terms.
fn take_grant(agent: &mut Agent, record: &Record<'_>) -> Result<(), Error> {
    let grant = Grant::decode(record.payload).filter(|grant| *grant != Grant::default()).map(Arc::new);
    if agent.grant != grant {
        agent.grant = grant;
        agent.forget_plans();
    }
    Ok(())
}

impl Desk {
    /// Plans made by rules that are no longer in force are made again.
    fn follow_rules(&mut self) {
        let generation = self.admission.generation();
        if generation != self.generation {
            self.generation = generation;
            self.agents.values_mut().for_each(Agent::forget_plans);
        }
    }

    fn take(&mut self, record: &Record<'_>) -> Result<(), Error> {
        self.newest = self.newest.max(record.received);
        let Ok(head) = self.decoder.head(record.payload) else {
            return self.refuse(record);
        };
        let agent = self.agents.entry(record.agent).or_insert_with(|| Agent::new(record.tenant));
        if Grant::is_in(&head) {
            return take_grant(agent, record);
        }
        agent.renew(record.received, record.agent.0[15]);
        agent.last_seen = agent.last_seen.max(record.received);
        let before = agent.clock_ahead;
        let window = agent.corrected(head.window, record.received);
        if agent.clock_ahead > before {
            let ahead_s = agent.clock_ahead.as_secs();
            tracing::warn!(agent = %record.agent, ahead_s, "an agent's clock is ahead; its windows are moved back");
        }
        let Some(seen) = agent.admit(record.epoch, record.seq) else {
            self.counters.duplicates.fetch_add(1, Relaxed);
            agent.seen.duplicates += 1;
            self.ledger.touch(record.agent, agent, record.received);
            return Ok(());
        };
        self.counters.note_totals(&seen.totals, &head.totals);
        if head.totals.sealed_batches >= seen.totals.sealed_batches {
            seen.totals = head.totals;
        }
        agent.seen.batches += 1;
        agent.seen.late += u64::from(record.received.since(window.end()) > self.lateness);
        self.ledger.touch(record.agent, agent, record.received);
        let plan = match agent.plan(head.layout_id) {
            Some(plan) => plan,
            None => match self.resolve(record, &head) {
                Some(plan) => plan,
                None => return self.refuse(record),
            },
        };
        if self.decoder.values(&head, &plan.kinds, &mut self.values).is_err() {
            return self.refuse(record);
        }
        if let Some(agent) = self.agents.get_mut(&record.agent) {
            agent.seen.samples += self.values.floats.len() as u64;
        }
        if window != head.window {
            self.counters.clock_corrected.fetch_add(1, Relaxed);
        }
        self.write(record, &head, window, plan)
    }

    fn write(
        &mut self,
        record: &Record<'_>,
        head: &BatchHead<'_>,
        window: Window,
        mut plan: Arc<Plan>,
    ) -> Result<(), Error> {
        loop {
            plan.row(&self.values, &mut self.row);
            match self.store.append(plan.rows(), window.end(), window.interval(), &self.row) {
                Err(weir_store::Error::StaleRows) => match self.resolve(record, head) {
                    Some(again) => plan = again,
                    None => return self.refuse(record),
                },
                outcome => break outcome.map(drop)?,
            }
        }
        let mut written = 0;
        loop {
            let outcome = match plan.sketches(&self.values).nth(written) {
                Some((column, sketch)) => self.store.append_sketch(plan.rows(), column, window.end(), sketch),
                None => break,
            };
            match outcome {
                Err(weir_store::Error::StaleRows) => match self.resolve(record, head) {
                    Some(again) => plan = again,
                    None => return self.refuse(record),
                },
                outcome => {
                    outcome?;
                    written += 1;
                }
            }
        }
        for (series, part) in plan.shared(&self.values) {
            self.shared.merge(window, series, part);
        }
        self.counters.batches.fetch_add(1, Relaxed);
        self.counters.samples.fetch_add(self.values.floats.len() as u64, Relaxed);
        self.counters.folded.fetch_add(plan.folded, Relaxed);
        Ok(())
    }

    /// Writes the accounts that are due.
    fn keep_ledger(&mut self, clock: Timestamp) -> Result<(), Error> {
        while let Some((at, id)) = self.ledger.take_due(clock) {
            if let Some(agent) = self.agents.get_mut(&id) {
                ledger::write(&self.store, id, agent, at)?;
            }
        }
        let ratios = self.ledger.completeness(clock, self.agents.values());
        Ok(ledger::write_completeness(&self.store, clock, ratios)?)
    }

    /// Makes the plan of a layout that is new, or whose idle series the store has forgotten since.
    fn resolve(&mut self, record: &Record<'_>, head: &BatchHead<'_>) -> Option<Arc<Plan>> {
        let layout = self.decoder.layout(head).ok()?;
        let agent = self.agents.get_mut(&record.agent)?;
        agent.learn(&layout);
        self.counters.layouts_resolved.fetch_add(1, Relaxed);
        let grant = agent.grant.clone();
        let judge = self.admission.judge(record.tenant, grant.as_deref(), &mut agent.room, record.received);
        let plan = Arc::new(Plan::new(&self.store, u128::from_be_bytes(record.agent.0), &layout, judge));
        agent.remember(head.layout_id, plan.clone());
        Some(plan)
    }

    /// A batch that passed its seal but not its decoder: a newer version's, or a fault of ours. It is acked and gone.
    fn refuse(&mut self, record: &Record<'_>) -> Result<(), Error> {
        if self.counters.undecodable.fetch_add(1, Relaxed) == 0 {
            let (agent, seq) = (record.agent.to_string(), record.seq);
            tracing::warn!(agent, seq, "a batch cannot be decoded; further ones are counted only");
        }
        Ok(())
    }
}

impl Counters {
    /// Adds what an agent's account has grown by since its last batch.
    fn note_totals(&self, before: &Totals, now: &Totals) {
        let grow = |counter: &std::sync::atomic::AtomicU64, before: u64, now: u64| {
            counter.fetch_add(now.saturating_sub(before), Relaxed);
        };
        grow(&self.agents_acked, before.acked_batches, now.acked_batches);
        grow(&self.agents_resent, before.resent_batches, now.resent_batches);
        grow(&self.agents_dropped, before.dropped_batches, now.dropped_batches);
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
        if passed < Self::EVERY {
            return None;
        }
        self.since = Some((now, total));
        Some((total - before) as f64 / passed.as_secs_f64())
    }
}

impl SinkConfig {
    /// A sink on the queue in `root`, with the default lateness of 30 s.
    pub fn new(root: &Path) -> Self {
        Self { queue: root.to_owned(), lateness: Duration::from_secs(30) }
    }
}
