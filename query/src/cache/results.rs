//! The runs that are kept, within a bound of bytes: what was not asked for longest goes first.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_sample::Reading;

use crate::cache::proof::Lifetime;
use crate::cache::reads::{DOUBTS, Doubt};
use crate::cache::run::Run;

/// Values of range queries, kept from one question to the next.
#[derive(Debug)]
pub struct ResultCache {
    bytes: usize,
    pub(crate) lifetime: Option<Lifetime>,
    shelf: Mutex<Shelf>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Shelf {
    runs: HashMap<Arc<str>, Placed>,
    /// Keys by when they were asked for last.
    by_use: BTreeMap<u64, Arc<str>>,
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Placed {
    run: Arc<Run>,
    bytes: usize,
    used: u64,
}

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    partial_hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
    kept_steps: AtomicU64,
    evaluated_steps: AtomicU64,
    /// In the order of [`DOUBTS`].
    uncacheable: [AtomicU64; DOUBTS.len()],
}

/// Bytes of an entry beside its key and its run.
const ENTRY_BYTES: usize = 200;

/// One run may take this share of all: a single huge answer does not push out those of all dashboards.
const LARGEST_SHARE: usize = 8;

impl ResultCache {
    /// A cache that takes so many bytes; with 0 it keeps nothing.
    pub fn new(bytes: usize) -> Self {
        Self { bytes, lifetime: None, shelf: Mutex::default(), counters: Counters::default() }
    }

    /// The same for sources that cannot tell of changes too.
    #[must_use]
    pub fn with_lifetime(self, lifetime: Lifetime) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it keeps anything.
    pub(crate) fn is_on(&self) -> bool {
        self.bytes > 0
    }

    /// The run of a key, if it is there.
    pub(crate) fn find(&self, key: &str) -> Option<Arc<Run>> {
        self.shelf().find(key)
    }

    /// Keeps a run in place of the one that its key had.
    pub(crate) fn keep(&self, key: &str, run: Run) {
        let bytes = run.heap_bytes() + 2 * key.len() + ENTRY_BYTES;
        let mut shelf = self.shelf();
        shelf.remove(key);
        if bytes > self.bytes / LARGEST_SHARE {
            return;
        }
        shelf.put(key.into(), Arc::new(run), bytes);
        while shelf.bytes > self.bytes {
            let Some(oldest) = shelf.by_use.first_key_value().map(|(_, key)| key.clone()) else { break };
            shelf.remove(&oldest);
            self.counters.evictions.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn doubt(&self, doubt: Doubt) {
        self.counters.uncacheable[doubt as usize].fetch_add(1, Relaxed);
    }

    /// Counts a question by how many of its steps were kept and how many had to be evaluated.
    pub(crate) fn count(&self, kept: usize, evaluated: usize) {
        let counters = &self.counters;
        let counter = match (kept, evaluated) {
            (_, 0) => &counters.hits,
            (0, _) => &counters.misses,
            _ => &counters.partial_hits,
        };
        counter.fetch_add(1, Relaxed);
        counters.kept_steps.fetch_add(kept as u64, Relaxed);
        counters.evaluated_steps.fetch_add(evaluated as u64, Relaxed);
    }

    /// The cache's own telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let counters = &self.counters;
        let total = |name, value: &AtomicU64, help| Reading::counter(name, &[], value.load(Relaxed), help);
        let shelf = self.shelf();
        let (bytes, entries) = (shelf.bytes as f64, shelf.runs.len() as f64);
        drop(shelf);
        let own = [
            total("weir_query_cache_hits_total", &counters.hits, "Range queries answered without evaluating a step."),
            total(
                "weir_query_cache_partial_hits_total",
                &counters.partial_hits,
                "Range queries of which only some steps were evaluated.",
            ),
            total("weir_query_cache_misses_total", &counters.misses, "Range queries of which no step was kept."),
            total(
                "weir_query_cache_evictions_total",
                &counters.evictions,
                "Entries that gave way to others. If it grows fast, raise query.cache_mb.",
            ),
            total("weir_query_cache_kept_steps_total", &counters.kept_steps, "Steps answered with what was kept."),
            total(
                "weir_query_cache_evaluated_steps_total",
                &counters.evaluated_steps,
                "Steps that were evaluated for queries whose answers may be kept.",
            ),
            Reading::gauge("weir_query_cache_bytes", &[], bytes, "Bytes of kept values."),
            Reading::gauge("weir_query_cache_entries", &[], entries, "Queries with kept values."),
        ];
        let uncacheable = |(reason, counter): (&&str, &AtomicU64)| {
            let help = "Range queries whose answer is not kept. fixed_time: @, start(), end() or range(); function: one \
                        that reads more than it names; no_series: nothing is read; tier: not of samples as they came; \
                        long: it reads longer than is kept track of; untold: its source cannot tell of changes; notes: \
                        it has warnings or infos.";
            Reading::counter("weir_query_cache_uncacheable_total", &[("reason", reason)], counter.load(Relaxed), help)
        };
        own.into_iter().chain(DOUBTS.iter().zip(&counters.uncacheable).map(uncacheable)).collect()
    }
}

impl Shelf {
    fn find(&mut self, key: &str) -> Option<Arc<Run>> {
        self.uses += 1;
        let placed = self.runs.get_mut(key)?;
        if let Some(key) = self.by_use.remove(&placed.used) {
            self.by_use.insert(self.uses, key);
        }
        placed.used = self.uses;
        Some(placed.run.clone())
    }

    fn put(&mut self, key: Arc<str>, run: Arc<Run>, bytes: usize) {
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, key.clone());
        self.runs.insert(key, Placed { run, bytes, used: self.uses });
    }

    fn remove(&mut self, key: &str) {
        if let Some(placed) = self.runs.remove(key) {
            self.bytes -= placed.bytes;
            self.by_use.remove(&placed.used);
        }
    }
}
