//! How a long-lived step does: it works, or it fails, waits and tries again.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use weir_sample::Reading;

/// Health of one long-lived step. The step reports, anybody looks.
#[derive(Debug)]
pub struct Health {
    step: &'static str,
    /// Why it fails, while it does.
    reason: Mutex<Option<String>>,
    failures: AtomicU64,
}

impl Health {
    /// Of a step that works, as far as is known.
    pub const fn new(step: &'static str) -> Self {
        Self { step, reason: Mutex::new(None), failures: AtomicU64::new(0) }
    }

    /// The step failed and will try again. Logged the first time.
    pub fn failed(&self, error: &dyn Error) {
        self.failures.fetch_add(1, Relaxed);
        let (error, step) = (Chain(error).to_string(), self.step);
        if self.lock().replace(error.clone()).is_none() {
            tracing::error!(
                step,
                error,
                "a step fails: it waits, tries again, and recovers alone when the cause is gone"
            );
        }
    }

    /// The step did what it is for. Logged if it did not before.
    pub fn works(&self) {
        if self.lock().take().is_some() {
            tracing::info!(step = self.step, "a step works again");
        }
    }

    /// Why the step fails, while it does.
    pub fn reason(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Failures so far, and whether it fails now.
    pub fn readings(&self) -> Vec<Reading> {
        let labels = [("step", self.step)];
        let failing = f64::from(u8::from(self.lock().is_some()));
        vec![
            Reading::counter("weir_step_failures_total", &labels, self.failures.load(Relaxed), FAILURES_HELP),
            Reading::gauge("weir_step_failing", &labels, failing, FAILING_HELP),
        ]
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const FAILURES_HELP: &str = "Tries of a long-lived step that failed. sink: reading the queue, writing and checkpoints of the \
    store. maintenance: order of the store's files. cold: moves to the object store.";
const FAILING_HELP: &str = "1 while a long-lived step fails and tries again; /readyz and the log say why.";

/// An error with its sources, on one line.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_fails_until_it_works() {
        let health = Health::new("sink");
        assert_eq!(health.reason(), None);
        health.failed(&std::io::Error::other("no space"));
        health.failed(&crate::Error::from(weir_queue::Error::Full));
        assert_eq!(health.reason().unwrap(), "reading the queue: the log has reached its size limit");
        assert_eq!(health.readings().iter().map(|reading| reading.value).collect::<Vec<_>>(), [2.0, 1.0]);
        health.works();
        assert_eq!(health.reason(), None);
    }
}
