//! The sink itself: one step reads what the queue has and writes it to the store.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use weir_queue::{Checkpoint, Reader};
use weir_sample::{Reading, Timestamp};
use weir_store::{Cut, Store};

use crate::admission::Admission;
use crate::desk::Desk;
use crate::fleet::{ALIVE, Counters};
use crate::roster::Memory;
use crate::{Error, state};

/// What the sink may be told.
#[derive(Clone, Debug)]
pub struct SinkConfig {
    /// Root folder of the queue.
    pub queue: PathBuf,
    /// How long a window of a shared series waits for late parts after its end.
    pub lateness: Duration,
    /// How long silent senders are remembered.
    pub memory: Memory,
}

/// Reads records, counts each batch once, writes rows.
pub struct Sink {
    reader: Reader,
    /// When its readings were last taken.
    reader_seen: Option<Timestamp>,
    desk: Desk,
    rate: Rate,
}

/// Bytes taken from the queue per step, so that a shutdown or a checkpoint never waits for long.
const STEP_BYTES: usize = 4 << 20;

/// The reader's readings look at files, so they are taken only so often.
const READER_EVERY: Duration = Duration::from_secs(2);

/// This consumer's name in the queue, which keeps what no consumer has passed.
const CONSUMER: &str = "sink";

impl Sink {
    /// Takes up the work where `saved`, the sink state in the store's last checkpoint, left it.
    pub fn open(config: &SinkConfig, store: Arc<Store>, saved: &[u8]) -> Result<Self, Error> {
        let saved = state::decode(saved)?;
        let reader = Reader::open(&config.queue, CONSUMER, &saved.queue)?;
        let desk = Desk::resume(config, store, saved);
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
        self.desk.forget_silent();
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
        let Desk { roster, ledger, shared, newest, admission, .. } = &self.desk;
        let saved = state::encode(&queue, roster, &ledger.jobs, &admission.shared_rooms(), shared, *newest);
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
            let alive = self.desk.roster.values().filter(|agent| now.since(agent.last_seen) < ALIVE).count();
            counters.agents.store(alive as u64, Relaxed);
            let ahead = self.desk.roster.values().filter(|agent| !agent.clock_ahead.is_zero()).count();
            counters.clocks_ahead.store(ahead as u64, Relaxed);
            counters.remembered.store(self.desk.roster.len() as u64, Relaxed);
            let mut tenants = counters.tenants.lock().unwrap_or_else(PoisonError::into_inner);
            tenants.observe(now, &self.desk.roster, &self.desk.ledger);
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
    /// A sink on the queue in `root`, with the default lateness and memory.
    pub fn new(root: &Path) -> Self {
        Self { queue: root.to_owned(), lateness: Duration::from_secs(30), memory: Memory::default() }
    }
}
