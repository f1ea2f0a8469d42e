//! What is seen of a collector from outside: its targets and who asks them, its members, and counts of all that happened.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weir_sample::Timestamp;
use weir_wire::AgentId;

use crate::discovery::Dropped;
use crate::members::View;
use crate::relabel::LabelSet;
use crate::target::Target;

/// What the loop shows, and what reads it.
#[derive(Default)]
pub(crate) struct Board {
    shown: Mutex<Shown>,
    pub counts: Counts,
    /// Tasks of targets.
    running: Arc<AtomicUsize>,
    pub leaving: Arc<AtomicBool>,
}

/// What the loop decided last.
#[derive(Clone, Default)]
pub(crate) struct Shown {
    pub entries: Arc<HashMap<AgentId, Arc<Entry>>>,
    pub dropped: Arc<Vec<Dropped>>,
    pub dropped_count: usize,
    pub view: Option<View>,
    pub replicas: usize,
    pub faults: Vec<String>,
    /// Why the newest configuration file is not followed.
    pub bad_config: Option<String>,
}

/// One target, and how it went last.
pub(crate) struct Entry {
    target: Mutex<Arc<Target>>,
    /// Whether this collector asks it.
    pub is_ours: AtomicBool,
    last: Mutex<Option<LastLook>>,
}

/// How a target was when it was asked last.
#[derive(Clone, Debug)]
pub struct LastLook {
    /// When it was asked.
    pub time: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// A target as it is seen from outside.
#[derive(Clone, Debug)]
pub struct TargetState {
    /// Labels before relabelling.
    pub discovered: BTreeMap<String, String>,
    /// Labels of its series.
    pub labels: BTreeMap<String, String>,
    /// The name of its job.
    pub job: String,
    /// Where it is asked.
    pub url: String,
    /// Time from one look to the next.
    pub interval: Duration,
    /// Time that it has to answer.
    pub timeout: Duration,
    /// Names of the collectors that ask it, the first one first.
    pub scraped_by: Vec<String>,
    /// Whether this one does.
    pub is_ours: bool,
    /// How this one found it last.
    pub last: Option<LastLook>,
}

/// An address that relabelling drops.
#[derive(Clone, Debug)]
pub struct DroppedTarget {
    /// The name of its job.
    pub job: String,
    /// Labels before relabelling.
    pub discovered: BTreeMap<String, String>,
}

/// Since the start.
#[derive(Default)]
pub(crate) struct Counts {
    pub looks: AtomicU64,
    pub samples: AtomicU64,
    pub reloads_failed: AtomicU64,
    lateness_ms: AtomicU64,
    failed: Mutex<BTreeMap<&'static str, u64>>,
}

/// A task that runs, for as long as this is there.
pub(crate) struct Runs(Arc<AtomicUsize>);

impl Drop for Runs {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Board {
    pub(crate) fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn runs(&self) -> Runs {
        self.running.fetch_add(1, Relaxed);
        Runs(self.running.clone())
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Relaxed)
    }
}

impl Entry {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Self { target: Mutex::new(target), is_ours: AtomicBool::new(false), last: Mutex::new(None) }
    }

    pub(crate) fn set(&self, target: Arc<Target>) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// The name of its job.
    pub(crate) fn job(&self) -> String {
        self.target().job.name.clone()
    }

    fn target(&self) -> Arc<Target> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn looked(&self, time: Timestamp, done: Timestamp, error: Option<String>) {
        let took = Duration::from_millis(done.millis().saturating_sub(time.millis()).max(0) as u64);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(LastLook { time, took, error });
    }

    fn last(&self) -> Option<LastLook> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn state(&self, view: Option<&View>, replicas: usize) -> TargetState {
        let target = self.target();
        let owners = view.map(|view| view.owners(&target.key, replicas)).unwrap_or_default();
        TargetState {
            discovered: target.discovered.clone(),
            labels: target.labels.clone(),
            job: target.job.name.clone(),
            url: target.uri.to_string(),
            interval: target.interval,
            timeout: target.timeout,
            scraped_by: owners.into_iter().map(str::to_owned).collect(),
            is_ours: self.is_ours.load(Relaxed),
            last: self.last(),
        }
    }
}

impl From<&Dropped> for DroppedTarget {
    fn from(dropped: &Dropped) -> Self {
        let Dropped { job, discovered } = dropped.clone();
        Self { job, discovered: LabelSet::from_iter(discovered) }
    }
}

impl Counts {
    pub(crate) fn failed(&self, reason: &'static str) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    pub(crate) fn failures(&self) -> BTreeMap<&'static str, u64> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes how late a look began.
    pub(crate) fn lateness(&self, ms: u64) {
        self.lateness_ms.fetch_max(ms, Relaxed);
        // Falls by itself, to half within some hundred looks.
        let now = self.lateness_ms.load(Relaxed);
        if ms < now {
            let _ = self.lateness_ms.compare_exchange(now, now - (now - ms).div_ceil(256), Relaxed, Relaxed);
        }
    }

    pub(crate) fn late_seconds(&self) -> f64 {
        self.lateness_ms.load(Relaxed) as f64 / 1e3
    }
}
