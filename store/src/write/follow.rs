//! Whoever sends on what is stored: until when it has, and what came later than that.
//!
//! A follower reads stretch by stretch, by time. What is written at a time that it has passed is noted by group, so that it
//! reads that again: a group and the span of what came late to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use weir_sample::Timestamp;

use crate::index::GroupId;

/// One who reads everything once.
#[derive(Debug)]
pub struct Follower {
    passed: AtomicI64,
    late: Mutex<Late>,
}

/// Where something was written at times that a follower had passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Late {
    pub(crate) groups: BTreeMap<GroupId, (i64, i64)>,
}

/// All followers of a store.
#[derive(Debug)]
pub(crate) struct Followers {
    /// No follower has passed a later time: most writes are after it, and cost no more than that.
    passed: AtomicI64,
    all: Mutex<Vec<Weak<Follower>>>,
}

impl Default for Followers {
    fn default() -> Self {
        Self { passed: AtomicI64::new(i64::MIN), all: Mutex::default() }
    }
}

impl Followers {
    pub(crate) fn add(&self, passed: Timestamp, late: Late) -> Arc<Follower> {
        let follower = Arc::new(Follower { passed: AtomicI64::new(passed.millis()), late: Mutex::new(late) });
        let mut all = lock(&self.all);
        all.retain(|follower| follower.strong_count() > 0);
        all.push(Arc::downgrade(&follower));
        self.passed.fetch_max(passed.millis(), SeqCst);
        follower
    }

    pub(crate) fn pass(&self, follower: &Follower, until: Timestamp) {
        follower.passed.fetch_max(until.millis(), SeqCst);
        self.passed.fetch_max(until.millis(), SeqCst);
    }

    /// To be called after something was written to a group.
    pub(crate) fn note(&self, group: GroupId, first: i64, last: i64) {
        if first > self.passed.load(SeqCst) {
            return;
        }
        for follower in lock(&self.all).iter().filter_map(Weak::upgrade) {
            let passed = follower.passed.load(SeqCst);
            if first <= passed {
                lock(&follower.late).add(group, first, last.min(passed));
            }
        }
    }
}

impl Follower {
    /// What came late since this was asked last, or was put back.
    pub fn take_late(&self) -> Late {
        std::mem::take(&mut lock(&self.late))
    }

    /// The same, left where it is: what must not be forgotten before it was read.
    pub fn late(&self) -> Late {
        lock(&self.late).clone()
    }

    /// Puts back what could not be sent on.
    pub fn put_back(&self, late: &Late) {
        let mut all = lock(&self.late);
        late.groups.iter().for_each(|(group, (first, last))| all.add(*group, *first, *last));
    }
}

impl Late {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Groups that something came late to.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// First and last instant of all.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.groups.values().map(|span| span.0).min()?;
        let last = self.groups.values().map(|span| span.1).max()?;
        Some((Timestamp(first), Timestamp(last)))
    }

    /// Both.
    pub fn with(&self, other: &Self) -> Self {
        let mut all = self.clone();
        other.groups.iter().for_each(|(group, (first, last))| all.add(*group, *first, *last));
        all
    }

    /// The same in whole steps of so many milliseconds: from the beginning of the first to the end of the last.
    pub fn rounded(&self, step: i64) -> Self {
        let step = step.max(1);
        let up = |time: i64| time.saturating_add((step - time.rem_euclid(step)) % step);
        let rounded = |(first, last): (i64, i64)| (up(first).saturating_sub(step - 1), up(last));
        Self { groups: self.groups.iter().map(|(group, span)| (*group, rounded(*span))).collect() }
    }

    /// As bytes: group, first and last instant of each, little-endian.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.groups.len() * ENTRY_BYTES);
        for (group, (first, last)) in &self.groups {
            out.extend(group.to_le_bytes());
            out.extend(first.to_le_bytes());
            out.extend(last.to_le_bytes());
        }
        out
    }

    /// From bytes; `None` if they are none of [`Late::encode`].
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let entries = bytes.chunks(ENTRY_BYTES).map(|entry| {
            let (group, span) = entry.split_at_checked(4)?;
            let (first, last) = span.split_at_checked(8)?;
            let time = |bytes: &[u8]| Some(i64::from_le_bytes(bytes.try_into().ok()?));
            Some((GroupId::from_le_bytes(group.try_into().ok()?), (time(first)?, time(last)?)))
        });
        Some(Self { groups: entries.collect::<Option<_>>()? })
    }

    fn add(&mut self, group: GroupId, first: i64, last: i64) {
        let span = self.groups.entry(group).or_insert((first, last));
        *span = (span.0.min(first), span.1.max(last));
    }
}

const ENTRY_BYTES: usize = 20;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
