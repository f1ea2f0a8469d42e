//! What one query may cost, and what it has cost so far.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::error::QueryError;

/// Limits of one query. Each limit that is met ends the query with an error that names it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Series read, counted once per selector.
    pub series: usize,
    /// Samples read.
    pub samples: usize,
    /// Bytes of results, and of intermediate results that cannot be consumed as they are read.
    pub memory_bytes: usize,
    /// Steps of a range query; Prometheus allows 11,000.
    pub steps: usize,
    /// Time from the start of evaluation, if the caller sets no deadline.
    pub time: Duration,
    /// Time that an instant selector looks back for a sample.
    pub lookback: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Twice the reference fleet: what is read streams, and what stays is bounded by memory.
            series: 20_000_000,
            samples: 2_000_000_000,
            memory_bytes: 1 << 30,
            steps: 11_000,
            time: Duration::from_secs(120),
            lookback: Duration::from_secs(300),
        }
    }
}

/// The running cost of one query.
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    deadline: Instant,
    series: Cell<usize>,
    samples: Cell<usize>,
    memory_bytes: Cell<usize>,
    warnings: RefCell<Vec<String>>,
}

impl Budget {
    pub(crate) fn new(limits: Limits, deadline: Instant) -> Self {
        let (series, samples, memory_bytes) = Default::default();
        Self { limits, deadline, series, samples, memory_bytes, warnings: RefCell::default() }
    }

    /// Accounts for one series read; now and then looks at the clock.
    pub(crate) fn read(&self, samples: usize) -> Result<(), QueryError> {
        if self.series.get().is_multiple_of(64) {
            self.check_time()?;
        }
        let Limits { series: series_limit, samples: samples_limit, .. } = self.limits;
        spend(&self.series, 1, series_limit, "selects", "series")?;
        spend(&self.samples, samples, samples_limit, "reads", "samples")
    }

    /// Accounts for memory that stays in use while the query runs.
    pub(crate) fn hold(&self, bytes: usize) -> Result<(), QueryError> {
        spend(&self.memory_bytes, bytes, self.limits.memory_bytes, "keeps", "bytes of results in memory")
    }

    #[expect(clippy::disallowed_methods, reason = "a deadline is the machine's, not the data's")]
    pub(crate) fn check_time(&self) -> Result<(), QueryError> {
        if Instant::now() >= self.deadline { Err(QueryError::Timeout) } else { Ok(()) }
    }

    /// Adds a warning to the answer, once.
    pub(crate) fn warn(&self, warning: &str) {
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.iter().any(|known| known == warning) {
            warnings.push(warning.to_owned());
        }
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.take()
    }

    /// Series and samples read so far.
    pub(crate) fn read_so_far(&self) -> (usize, usize) {
        (self.series.get(), self.samples.get())
    }
}

fn spend(
    spent: &Cell<usize>,
    more: usize,
    limit: usize,
    what: &'static str,
    unit: &'static str,
) -> Result<(), QueryError> {
    spent.set(spent.get().saturating_add(more));
    if spent.get() > limit { Err(QueryError::TooLarge { what, limit, unit }) } else { Ok(()) }
}
