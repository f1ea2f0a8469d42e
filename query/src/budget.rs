//! What one query may cost, what it has cost so far, and what all queries in flight hold together.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use weir_store::Wanted;

use crate::error::{Bound, QueryError};

/// Limits of one query, and of all in flight. Each limit that is met ends the query with an error that names it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Series read, counted once per selector.
    pub series: usize,
    /// Samples read.
    pub samples: usize,
    /// Bytes of results, and of intermediate results that cannot be consumed as they are read.
    pub memory_bytes: usize,
    /// The same of all queries in flight.
    pub all_memory_bytes: usize,
    /// Bytes of one label's value that a query makes.
    pub label_bytes: usize,
    /// Bytes of an answer's text.
    pub answer_bytes: usize,
    /// Steps of a range query; Prometheus allows 11,000.
    pub steps: usize,
    /// Queries that wait for their turn.
    pub waiting: usize,
    /// Time of a query; less if the caller sets an earlier deadline.
    pub time: Duration,
    /// Time that an instant selector looks back for a sample.
    pub lookback: Duration,
    /// Metric names go at the end of a query, not in each function that loses them; Prometheus has it as an experiment.
    pub delayed_name_removal: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Twice the reference fleet: what is read streams, and what stays is bounded by memory.
            series: 20_000_000,
            samples: 2_000_000_000,
            memory_bytes: 1 << 30,
            all_memory_bytes: 2 << 30,
            // Four times what remote write takes.
            label_bytes: 64 << 10,
            answer_bytes: 1 << 30,
            steps: 11_000,
            waiting: 200,
            time: Duration::from_secs(120),
            lookback: Duration::from_secs(300),
            delayed_name_removal: false,
        }
    }
}

/// Units of work, about a nanosecond to ten each, between two looks at the clock.
const UNITS: usize = 1 << 18;

/// The running cost of one query.
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    deadline: Instant,
    gone: Option<Arc<AtomicBool>>,
    held: Held,
    series: Cell<usize>,
    samples: Cell<usize>,
    units: Cell<usize>,
    /// Time is up, or nobody waits for the answer.
    over: Cell<bool>,
    warnings: RefCell<Vec<String>>,
    infos: RefCell<Vec<String>>,
}

impl Budget {
    pub(crate) fn new(limits: Limits, deadline: Instant, gone: Option<Arc<AtomicBool>>, held: Held) -> Self {
        let (series, samples, units, over, warnings, infos) = Default::default();
        Self { limits, deadline, gone, held, series, samples, units, over, warnings, infos }
    }

    /// Accounts for one series read; now and then looks at the clock.
    pub(crate) fn read(&self, samples: usize) -> Result<(), QueryError> {
        let Limits { series: series_limit, samples: samples_limit, .. } = self.limits;
        spend(&self.series, 1, series_limit, Bound::Series)?;
        spend(&self.samples, samples, samples_limit, Bound::Samples)?;
        // A series costs as much as some thousand samples where a store has to be searched for it.
        self.work(samples + UNITS / 64)
    }

    /// Accounts for memory that stays in use while the query runs.
    pub(crate) fn hold(&self, bytes: usize) -> Result<(), QueryError> {
        self.held.add(bytes, self.limits)
    }

    /// Bytes held so far.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.bytes.get()
    }

    /// What is held, to outlive the evaluation.
    pub(crate) fn into_held(self) -> Held {
        self.held
    }

    /// Accounts for work; now and then looks at the clock.
    pub(crate) fn work(&self, units: usize) -> Result<(), QueryError> {
        if self.is_over(units) { self.check_time() } else { Ok(()) }
    }

    /// As [`Budget::work`], for loops that cannot fail: they end early, and whoever started them asks
    /// [`Budget::check_time`].
    pub(crate) fn is_over(&self, units: usize) -> bool {
        let spent = self.units.get() + units;
        self.units.set(spent);
        if spent >= UNITS {
            self.units.set(0);
            self.over.set(self.check_time().is_err());
        }
        self.over.get()
    }

    /// Whether the answer is still wanted, for searches that cannot ask the budget.
    #[expect(clippy::disallowed_methods, reason = "a deadline is the machine's, not the data's")]
    pub(crate) fn wanted(&self) -> Wanted {
        let (deadline, gone) = (self.deadline, self.gone.clone());
        Arc::new(move || !gone.as_ref().is_some_and(|gone| gone.load(Relaxed)) && Instant::now() < deadline)
    }

    #[expect(clippy::disallowed_methods, reason = "a deadline is the machine's, not the data's")]
    pub(crate) fn check_time(&self) -> Result<(), QueryError> {
        if self.gone.as_ref().is_some_and(|gone| gone.load(Relaxed)) {
            return Err(QueryError::Gone);
        }
        if Instant::now() >= self.deadline { Err(QueryError::Timeout) } else { Ok(()) }
    }

    /// Checks the size of a label's value before it is made.
    pub(crate) fn check_label(&self, bytes: usize) -> Result<(), QueryError> {
        within(bytes, self.limits.label_bytes, Bound::LabelBytes)
    }

    /// Checks the size of an answer's text before it is made.
    pub(crate) fn check_answer(&self, bytes: usize) -> Result<(), QueryError> {
        within(bytes, self.limits.answer_bytes, Bound::AnswerBytes)
    }

    /// Adds a warning to the answer, once.
    pub(crate) fn warn(&self, warning: &str) {
        note(&self.warnings, warning);
    }

    /// Adds a hint that is not as bad as a warning, once.
    pub(crate) fn inform(&self, info: &str) {
        note(&self.infos, info);
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.take()
    }

    pub(crate) fn infos(&self) -> Vec<String> {
        self.infos.take()
    }

    /// Series and samples read so far.
    pub(crate) fn read_so_far(&self) -> (usize, usize) {
        (self.series.get(), self.samples.get())
    }
}

/// Notes of one answer at most: there may be one per metric.
const NOTES: usize = 10;

fn note(notes: &RefCell<Vec<String>>, text: &str) {
    let mut notes = notes.borrow_mut();
    if notes.len() < NOTES && !notes.iter().any(|known| known == text) {
        notes.push(text.to_owned());
    }
}

fn spend(spent: &Cell<usize>, more: usize, limit: usize, bound: Bound) -> Result<(), QueryError> {
    spent.set(spent.get().saturating_add(more));
    within(spent.get(), limit, bound)
}

fn within(spent: usize, limit: usize, bound: Bound) -> Result<(), QueryError> {
    if spent > limit { Err(QueryError::TooLarge { bound, limit }) } else { Ok(()) }
}

/// Memory that one query and its answer hold, counted among that of all in flight until it is dropped.
#[derive(Debug, Default)]
pub struct Held {
    all: Arc<AtomicUsize>,
    bytes: Cell<usize>,
}

impl Held {
    pub(crate) fn among(all: &Arc<AtomicUsize>) -> Self {
        Self { all: all.clone(), bytes: Cell::new(0) }
    }

    fn add(&self, bytes: usize, limits: Limits) -> Result<(), QueryError> {
        let all = self.all.fetch_add(bytes, Relaxed) + bytes;
        spend(&self.bytes, bytes, limits.memory_bytes, Bound::Memory)?;
        if all > limits.all_memory_bytes {
            return Err(QueryError::Busy { bound: Bound::AllMemory, limit: limits.all_memory_bytes });
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes.get(), Relaxed);
    }
}
