//! Whether an answer of before stands: what tells a reader that it need not read again.

use std::sync::atomic::Ordering::Relaxed;

use weir_sample::Timestamp;

use crate::{Matcher, Stamp, Store, Tier};

impl Store {
    /// How what may be read from one instant to another, both included, stands now; nothing if that is more than is kept
    /// track of. An answer of samples as they came ([`Store::tier`]) with neither hole nor part missing is the same as long
    /// as every window of it stands. That an object store does not answer changes nothing: what it has is the same.
    pub fn stamp(&self, start: Timestamp, end: Timestamp) -> Option<Stamp> {
        let quarantine = &self.inner.quarantine;
        let damage = quarantine.pages.load(Relaxed) + quarantine.files.load(Relaxed);
        self.inner.versions.stamp(start.millis(), end.millis(), damage)
    }

    /// The tier that answers a selection from `start` on, if it is made now. One that begins later is answered from the
    /// same or a finer one.
    pub fn tier(&self, start: Timestamp, matchers: &[Matcher]) -> Tier {
        self.inner.tier_for(&self.inner.block_set(), start.millis(), matchers)
    }
}
