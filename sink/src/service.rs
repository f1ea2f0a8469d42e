//! The sink as a running thing: one thread that drains the queue and makes a checkpoint now and then.
//!
//! A step that fails is not done again in place: what it had read is marked as seen, and what it wrote may be on disk or
//! not. The thread drops all that is in memory, waits, opens the store from its last checkpoint and reads the queue from
//! there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use weir_meters::clock;
use weir_queue::Checkpoint;
use weir_sample::{Reading, Timestamp};
use weir_store::Store;

use crate::senders::fleet::Counters;
use crate::{
    Admission, Catalogue, Error, Exemplars, FleetStatus, Health, Listing, Opening, Sink, StoreHandle, Watermarks,
};

/// How often the running sink does what.
#[derive(Clone, Copy, Debug)]
pub struct ServiceConfig {
    /// Time between checkpoints.
    pub checkpoint_interval: Duration,
    /// Time from a failure to the first try to go on. It doubles with each that fails, up to thirty-fold.
    pub retry: Duration,
    /// Time that the store may be behind with what gateways have acknowledged; beyond it the sink is not ready. Zero is no
    /// bound.
    pub max_behind: Duration,
    /// Time for which a sink that is told to stop goes on reading what is left in the queue.
    pub drain: Duration,
}

/// A sink at work. Dropping it without [`Service::drain`] leaves the rest to the next start.
pub struct Service {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<Result<(), Error>>>>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// What its threads have in common.
struct Shared {
    opening: Opening,
    config: ServiceConfig,
    counters: Arc<Counters>,
    admission: Arc<Admission>,
    store: Arc<StoreHandle>,
    sink: Health,
    maintenance: Health,
    stopping: AtomicBool,
    /// Whether all is stored that was in the queue when the sink was opened.
    replayed: AtomicBool,
    beside: Arc<dyn Beside>,
}

/// Whoever works on the store beside the sink. `()` is nobody.
pub trait Beside: Send + Sync {
    /// A store was opened, and nothing of the queue was written to it yet: who has to hear of each write begins to listen now.
    fn opened(&self, _store: &Store) {}

    /// The store is about to be opened again, which waits until nobody has it any more.
    fn closed(&self) {}

    /// Writes down what must not be forgotten with the queue, of which a checkpoint lets a part go; or says why it cannot. While it
    /// cannot, no checkpoint is made.
    ///
    /// # Errors
    /// The reason, as a sentence.
    fn before_checkpoint(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Beside for () {}

/// Time between two looks at what the store has to move or delete.
const KEEPING: Duration = Duration::from_secs(15);

/// Pause when the queue has nothing new. Short against any window, long against a wake-up's cost.
const IDLE: Duration = Duration::from_millis(20);

/// Bound on the pause between two tries, in first pauses.
const MOST_PAUSES: u32 = 30;

impl Service {
    /// Opens store and queue, and starts the sink's threads.
    ///
    /// # Errors
    /// What keeps them from being opened the first time, or [`Error::Thread`].
    pub fn start(opening: Opening, config: ServiceConfig, beside: Arc<dyn Beside>) -> Result<Self, Error> {
        let (counters, admission) = (Arc::default(), Arc::default());
        let (store, sink) = opening.open(&counters, &admission)?;
        beside.opened(&store);
        let shared = Arc::new(Shared {
            opening,
            config,
            counters,
            admission,
            store: Arc::new(StoreHandle::from(store)),
            sink: Health::new("sink"),
            maintenance: Health::new("maintenance"),
            stopping: AtomicBool::new(false),
            replayed: AtomicBool::new(false),
            beside,
        });
        let (for_sink, for_keeper) = (shared.clone(), shared.clone());
        let thread = thread::Builder::new().name("sink".into()).spawn(move || for_sink.run(sink));
        let keeper = thread::Builder::new().name("store".into()).spawn(move || for_keeper.keep());
        let (thread, keeper) = (thread.map_err(Error::Thread)?, keeper.map_err(Error::Thread)?);
        Ok(Self { shared, thread: Mutex::new(Some(thread)), keeper: Mutex::new(Some(keeper)) })
    }

    /// The store of now.
    pub fn store(&self) -> Arc<StoreHandle> {
        self.shared.store.clone()
    }

    /// Why the sink cannot serve, if it cannot.
    pub fn ready(&self) -> Result<(), String> {
        let reason = self.shared.sink.reason();
        if let Some(reason) = reason {
            return Err(format!("the sink recovers, and the queue keeps what is not stored: {reason}"));
        }
        let (behind, most) = (self.behind(), self.shared.config.max_behind);
        let seconds = behind.as_secs();
        if !self.shared.replayed.load(Ordering::Acquire) {
            return Err(format!("the sink stores what was in the queue when it started: {seconds} s are missing"));
        }
        if !most.is_zero() && behind >= most {
            return Err(format!("the store is {seconds} s behind: writes are turned away until it has caught up"));
        }
        Ok(())
    }

    /// Time that the store is behind: all that gateways acknowledged before it can be read.
    pub fn behind(&self) -> Duration {
        self.shared.counters.behind(clock::now())
    }

    /// All that was received until then is in the store; zero before the first look.
    pub fn stored_until(&self) -> Timestamp {
        Timestamp(self.shared.counters.stored_until.load(Ordering::Relaxed))
    }

    /// What fails beside the sink, and does not keep it from serving.
    pub fn trouble(&self) -> Option<String> {
        self.shared.maintenance.reason().map(|reason| format!("the store's files are not kept in order: {reason}"))
    }

    /// The fleet in one line.
    pub fn fleet(&self) -> FleetStatus {
        self.shared.counters.status()
    }

    /// One tenant's part of the fleet, as it was at most ten seconds ago.
    pub fn fleet_of(&self, tenant: u32) -> FleetStatus {
        self.shared.counters.status_of(tenant)
    }

    /// Each agent, as it was some seconds ago; `None` if the sink is too busy to say within `patience`.
    pub fn agents(&self, patience: Duration) -> Option<Arc<Listing>> {
        self.shared.counters.roster.ask(clock::now(), patience)
    }

    /// How far the data of all live senders have been applied.
    pub fn watermarks(&self) -> Watermarks {
        self.shared.counters.watermarks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The instant up to which all samples of live senders are there: [`Watermarks::complete_to`].
    pub fn complete_to(&self) -> Timestamp {
        self.shared.counters.watermarks.lock().unwrap_or_else(PoisonError::into_inner).complete_to
    }

    /// The watermark of a tenant, or of all; `None` while it is not known.
    pub fn watermark(&self, tenant: Option<u32>) -> Option<Timestamp> {
        let watermarks = self.shared.counters.watermarks.lock().unwrap_or_else(PoisonError::into_inner);
        let until = tenant.map_or_else(|| watermarks.of_all(), |tenant| watermarks.of(tenant));
        Some(until).filter(|until| *until != Timestamp::default())
    }

    /// Exemplars of all series.
    pub fn exemplars(&self) -> Arc<Exemplars> {
        Arc::clone(&self.shared.counters.exemplars)
    }

    /// The sink's own telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let Shared { counters, admission, sink, maintenance, .. } = &*self.shared;
        [counters.readings(clock::now()), admission.readings(), sink.readings(), maintenance.readings()].concat()
    }

    /// What senders tell of metrics.
    pub fn metadata(&self) -> Arc<Catalogue> {
        self.shared.counters.metadata.clone()
    }

    /// The rules by which series are stored, to be set and looked at while the sink runs.
    pub fn admission(&self) -> Arc<Admission> {
        self.shared.admission.clone()
    }

    /// Reads the queue to its end, if that does not take too long, makes a last checkpoint and stops. What is left stays in
    /// the queue for the next start. Call it after the gateways have stopped. A second call has nothing to do.
    ///
    /// # Errors
    /// What keeps it from doing so; the queue has what is not stored.
    pub fn drain(&self) -> Result<(), Error> {
        self.shared.stopping.store(true, Ordering::Release);
        if let Some(keeper) = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take() {
            if let Some(store) = self.shared.store.current() {
                store.stop_maintenance();
            }
            keeper.thread().unpark();
            keeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        // It may wait for its next try.
        thread.thread().unpark();
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Shared {
    fn run(&self, mut sink: Sink) -> Result<(), Error> {
        let mut pause = self.config.retry;
        loop {
            let Err(error) = self.work(sink, &mut pause) else { return Ok(()) };
            self.sink.failed(&error);
            if matches!(&error, Error::Queue(error) if error.is_final()) {
                self.stand_aside();
                return Err(error);
            }
            match self.open_again(&mut pause) {
                Some(again) => sink = again,
                None => return Err(error),
            }
        }
    }

    /// Works until it is told to stop or something fails. Nothing of the sink is left then.
    fn work(&self, mut sink: Sink, pause: &mut Duration) -> Result<(), Error> {
        let mut writing = None;
        let outcome = self.drain_queue(&mut sink, &mut writing, pause);
        if let Some(Writing { thread, .. }) = writing {
            // It has the store, which must be free before it can be opened again; whether it failed too is all one.
            let _ = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        outcome
    }

    fn drain_queue(&self, sink: &mut Sink, writing: &mut Option<Writing>, pause: &mut Duration) -> Result<(), Error> {
        let (mut checkpointed, opened, mut stopping_since) = (Instant::now(), clock::now(), None);
        self.replayed.store(false, Ordering::Release);
        loop {
            // Read the flag first: what was appended before it was set is then read below.
            let stopping = self.stopping.load(Ordering::Acquire);
            let read = sink.step(clock::now())?;
            if !self.replayed.load(Ordering::Acquire) && sink.stored_until() >= opened {
                self.replayed.store(true, Ordering::Release);
            }
            let last = stopping
                && (read == 0 || stopping_since.get_or_insert_with(Instant::now).elapsed() >= self.config.drain);
            if let Some(done) = writing.take_if(|writing| last || writing.thread.is_finished()) {
                done.finish(sink)?;
                self.sink.works();
                *pause = self.config.retry;
            }
            if last {
                if read > 0 {
                    tracing::warn!("what is left in the queue is stored after the next start");
                }
                return if self.may_checkpoint() { sink.checkpoint() } else { Ok(()) };
            }
            // After a failure only a checkpoint shows that it is over, so one is made at once.
            let due = self.sink.reason().is_some() || checkpointed.elapsed() >= self.config.checkpoint_interval;
            if writing.is_none() && due {
                checkpointed = Instant::now();
                if self.may_checkpoint() {
                    *writing = Some(Writing::start(sink)?);
                }
            }
            if read == 0 {
                thread::sleep(IDLE);
            }
        }
    }

    fn may_checkpoint(&self) -> bool {
        let outcome = self.beside.before_checkpoint();
        outcome.inspect_err(|reason| tracing::error!(reason, "no checkpoint is made, the queue keeps all")).is_ok()
    }

    /// Takes the store out of use for good, and says so until it is told to stop.
    fn stand_aside(&self) {
        self.close();
        while !self.stopping.load(Ordering::Acquire) {
            thread::park();
        }
    }

    /// Takes the store out of use and tries, with pauses, to open it and the queue again. `None` if it is told to stop.
    fn open_again(&self, pause: &mut Duration) -> Option<Sink> {
        self.close();
        loop {
            if self.stops_within(*pause) {
                return None;
            }
            *pause = (*pause * 2).min(self.config.retry * MOST_PAUSES);
            match self.opening.open(&self.counters, &self.admission) {
                Ok((store, sink)) => {
                    self.beside.opened(&store);
                    self.store.put(store);
                    return Some(sink);
                }
                Err(error) => self.sink.failed(&error),
            }
        }
    }

    fn close(&self) {
        self.beside.closed();
        self.store.close();
    }

    fn stops_within(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while !self.stopping.load(Ordering::Acquire) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            thread::park_timeout(left);
        }
        true
    }

    /// Lets the store move data to its place. What fails leaves the store as it was, so it is done again as it is.
    fn keep(&self) {
        while !self.stopping.load(Ordering::Acquire) {
            match self.store.current().map(|store| store.maintain(clock::now())) {
                Some(Ok(())) => self.maintenance.works(),
                Some(Err(weir_store::Error::Stopped | weir_store::Error::Refusing(_))) | None => {}
                Some(Err(error)) => self.maintenance.failed(&error),
            }
            for file in self.store.current().iter().flat_map(|store| store.damage()) {
                tracing::error!(
                    file,
                    "a file of the store is damaged: check the disk, stop the server and run `weir store repair`"
                );
            }
            thread::park_timeout(KEEPING);
        }
    }
}

/// A checkpoint that is being written while the sink goes on.
struct Writing {
    queue: Checkpoint,
    thread: JoinHandle<Result<(), weir_store::Error>>,
}

impl Writing {
    fn start(sink: &mut Sink) -> Result<Self, Error> {
        let ((cut, queue), store) = (sink.cut()?, sink.store());
        let thread = thread::Builder::new().name("checkpoint".into()).spawn(move || store.write(cut));
        Ok(Self { queue, thread: thread.map_err(Error::Thread)? })
    }

    fn finish(self, sink: &mut Sink) -> Result<(), Error> {
        let written = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sink.note_written(&self.queue, written)
    }
}
