//! The sink as a running thing: one thread that drains the queue and makes a checkpoint now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use weir_queue::Checkpoint;
use weir_sample::{Reading, Timestamp};
use weir_store::Store;

use crate::senders::fleet::Counters;
use crate::{Admission, Error, FleetStatus, Sink};

/// How often the running sink does what.
#[derive(Clone, Copy, Debug)]
pub struct ServiceConfig {
    /// Time between checkpoints.
    pub checkpoint_interval: Duration,
}

/// A sink at work. Dropping it without [`Service::drain`] leaves the rest to the next start.
pub struct Service {
    counters: Arc<Counters>,
    admission: Arc<Admission>,
    stopping: Arc<AtomicBool>,
    failed: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<Result<(), Error>>>>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    store: Arc<Store>,
}

/// Time between two looks at what the store has to move or delete.
const KEEPING: Duration = Duration::from_secs(15);

/// Pause when the queue has nothing new. Short against any window, long against a wake-up's cost.
const IDLE: Duration = Duration::from_millis(20);

impl Service {
    /// Starts the sink's thread.
    pub fn start(sink: Sink, config: ServiceConfig) -> std::io::Result<Self> {
        let (counters, admission, store) = (sink.counters(), sink.admission(), sink.store());
        let (stopping, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stop, fail) = (stopping.clone(), failed.clone());
        let thread = std::thread::Builder::new().name("sink".into()).spawn(move || {
            let outcome = work(sink, config, &stop);
            if let Err(error) = &outcome {
                fail.store(true, Ordering::Release);
                tracing::error!(error = %Chain(error), "the sink stopped; the queue keeps what it had not stored");
            }
            outcome
        })?;
        let (stop, kept) = (stopping.clone(), store.clone());
        let keeper = std::thread::Builder::new().name("store".into()).spawn(move || keep(&kept, &stop))?;
        let (thread, keeper) = (Mutex::new(Some(thread)), Mutex::new(Some(keeper)));
        Ok(Self { counters, admission, stopping, failed, thread, keeper, store })
    }

    /// Why the sink cannot serve, if it cannot.
    pub fn ready(&self) -> Result<(), String> {
        match self.failed.load(Ordering::Acquire) {
            true => Err("the sink has stopped: see the log".into()),
            false => Ok(()),
        }
    }

    /// The fleet in one line.
    pub fn fleet(&self) -> FleetStatus {
        self.counters.status()
    }

    /// The sink's own telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        [self.counters.readings(), self.admission.readings()].concat()
    }

    /// The rules by which series are stored, to be set and looked at while the sink runs.
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.admission)
    }

    /// Reads the queue to its end, makes a last checkpoint and stops. Call it after the gateways have stopped.
    /// A second call has nothing to do.
    pub fn drain(&self) -> Result<(), Error> {
        self.stopping.store(true, Ordering::Release);
        if let Some(keeper) = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.store.stop_maintenance();
            keeper.thread().unpark();
            keeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread.map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

fn work(mut sink: Sink, config: ServiceConfig, stop: &AtomicBool) -> Result<(), Error> {
    let (mut checkpointed, mut writing) = (Instant::now(), None::<Writing>);
    loop {
        // Read the flag first: what was appended before it was set is then read below.
        let stopping = stop.load(Ordering::Acquire);
        let read = sink.step(wall_clock())?;
        if let Some(done) = writing.take_if(|writing| stopping && read == 0 || writing.thread.is_finished()) {
            done.finish(&mut sink)?;
        }
        if stopping && read == 0 {
            return sink.checkpoint();
        }
        if writing.is_none() && checkpointed.elapsed() >= config.checkpoint_interval {
            writing = Some(Writing::start(&mut sink)?);
            checkpointed = Instant::now();
        }
        if read == 0 {
            std::thread::sleep(IDLE);
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
        let thread = std::thread::spawn(move || store.write(cut));
        Ok(Self { queue, thread })
    }

    fn finish(self, sink: &mut Sink) -> Result<(), Error> {
        let written = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sink.note_written(&self.queue, written)
    }
}

/// Lets the store move data to its place. What fails is tried again; the store counts it and says why.
fn keep(store: &Store, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        let outcome = store.maintain(wall_clock());
        if let Err(error) = outcome.or_else(|error| if stop.load(Ordering::Acquire) { Ok(()) } else { Err(error) }) {
            tracing::warn!(error = %Chain(&error), "the store's files could not be kept in order; trying again");
        }
        std::thread::park_timeout(KEEPING);
    }
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_millis() as i64)
}

/// An error with its sources, on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
