//! A querier that waits where data are no longer complete: the store was opened again after a failure while a turn was under way, and is
//! read anew from its last checkpoint. What a rule finds until then would be a gap, or an alert that resolves for no reason.

use std::thread;
use std::time::Duration;

use weir_alert::evaluate::{Found, LeftOut, Querier, Row};
use weir_alert::rules::Expression;
use weir_sample::Timestamp;

/// Asks again until an answer was made of complete data.
pub(super) struct Patient<'a, Q> {
    pub(super) inner: Q,
    /// Whether data are complete up to a time.
    pub(super) complete: &'a (dyn Fn(Timestamp) -> bool + Sync),
}

/// Pause between two tries.
const AGAIN: Duration = Duration::from_millis(100);

impl<Q: Querier> Querier for Patient<'_, Q> {
    fn query(&self, expression: &Expression, at: Timestamp) -> Result<Found, String> {
        loop {
            let found = self.inner.query(expression, at);
            // Looked at afterwards: the store may have gone while it was asked.
            if (self.complete)(at) {
                return found;
            }
            thread::sleep(AGAIN);
        }
    }

    fn reads_from(&self, expression: &Expression, at: Timestamp, hosts: &LeftOut) -> bool {
        self.inner.reads_from(expression, at, hosts)
    }

    fn note(&self, rows: &[Row]) {
        self.inner.note(rows);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    /// Fails once, then finds less than there is, then all.
    struct Store(AtomicU64);

    impl Querier for Store {
        fn query(&self, _: &Expression, _: Timestamp) -> Result<Found, String> {
            match self.0.fetch_add(1, Relaxed) {
                0 => Err("the store is being opened again".into()),
                asked => Ok(Found { samples_read: asked, ..Found::default() }),
            }
        }
    }

    #[test]
    fn answers_of_a_store_that_was_opened_again_are_not_taken_before_it_is_complete() {
        let looks = AtomicU64::new(0);
        let complete = |at: Timestamp| at == Timestamp(5) && looks.fetch_add(1, Relaxed) >= 2;
        let patient = Patient { inner: Store(AtomicU64::new(0)), complete: &complete };
        let found = patient.query(&Expression::parse("x").unwrap(), Timestamp(5));
        assert_eq!(found.map(|found| found.samples_read), Ok(2));
    }
}
