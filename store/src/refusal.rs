//! Refusing writes: after one that failed, what is on disk is not known.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::Error;
use crate::locks::{Lock, Rank};

/// Why writes are refused, once a file could not be written.
#[derive(Debug)]
pub(crate) struct Refusal {
    reason: Lock<Option<String>>,
    stands: AtomicBool,
}

impl Default for Refusal {
    fn default() -> Self {
        Self { reason: Lock::new(Rank::Refusal, None), stands: AtomicBool::new(false) }
    }
}

impl Refusal {
    pub(crate) fn stands(&self) -> bool {
        self.stands.load(Relaxed)
    }

    /// The error of a write that comes after a failed one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !self.stands() {
            return Ok(());
        }
        let reason = self.reason.lock();
        Err(Error::Refusing(reason.clone().unwrap_or_default()))
    }

    /// From here on no write is let in. The first reason stays.
    pub(crate) fn refuse(&self, error: &Error) {
        let mut reason = self.reason.lock();
        let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
        reason.get_or_insert_with(|| format!("{error}{source}"));
        self.stands.store(true, Relaxed);
    }
}
