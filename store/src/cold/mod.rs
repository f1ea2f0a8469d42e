//! Blocks that are old enough stand in an object store. Of each, a *stub* stays here: a file as long as the block with
//! its labels, its index of pages and its footer in their places and nothing where the pages were. So questions about
//! labels need no network, and what a query needs of the pages is fetched into a bounded cache.
//!
//! Every object of ours has a stub: one that no checkpoint names says which object is to be deleted.

mod cache;
mod remote;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use weir_sample::Reading;

use crate::Error;
use cache::Cache;
pub use remote::Remote;
pub(crate) use remote::{put_compared, summed};

/// The object store, and the blocks that go there.
#[derive(Clone, Debug)]
pub struct ColdConfig {
    /// The object store.
    pub remote: Arc<dyn Remote>,
    /// Blocks go there this long after the end of the stretch that they are merged to: a day of samples, 8 days of
    /// one-minute points, 32 days of one-hour points.
    pub after: Duration,
    /// Bytes of fetched pages that are kept on disk; 0 keeps none.
    pub cache_bytes: u64,
}

/// The way to cold blocks.
#[derive(Debug)]
pub(crate) struct Cold {
    pub config: Option<ColdConfig>,
    cache: Cache,
    pub counters: Counters,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub moved: AtomicU64,
    pub deleted: AtomicU64,
    pub failures: AtomicU64,
    fetched_bytes: AtomicU64,
    cached_bytes: AtomicU64,
    unreachable: AtomicU64,
}

/// Bytes that are fetched at once: a request costs as much as sending some hundred KiB does.
const FETCHED_AT_ONCE: u64 = 512 << 10;

/// A block in the object store.
#[derive(Clone, Debug)]
pub(crate) struct Away {
    key: String,
    size: u64,
    cold: Arc<Cold>,
}

impl Cold {
    pub(crate) fn open(folder: &Path, config: Option<ColdConfig>) -> Result<Self, Error> {
        let cache = Cache::open(&folder.join("cache"), config.as_ref().map_or(0, |config| config.cache_bytes))?;
        Ok(Self { config, cache, counters: Counters::default() })
    }

    /// The object store, if one is configured.
    fn remote(&self, key: &str) -> Result<&dyn Remote, Error> {
        let none = || io::Error::new(io::ErrorKind::NotConnected, "[store.cold] names no object store");
        self.config.as_ref().map(|config| &*config.remote).ok_or_else(|| Error::remote("reach", key)(none()))
    }

    /// Drops what is cached of a block.
    pub(crate) fn drop_cached(&self, key: &str) {
        self.cache.drop_block(key);
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let counter = |name, value: &AtomicU64, help| Reading::counter(name, &[], value.load(Relaxed), help);
        let counters = &self.counters;
        vec![
            counter("weir_store_cold_moved_total", &counters.moved, "Blocks moved to the object store."),
            counter(
                "weir_store_cold_deleted_total",
                &counters.deleted,
                "Objects deleted that no block needs any more.",
            ),
            counter(
                "weir_store_cold_failures_total",
                &counters.failures,
                "Moves to the object store, or deletions there, that failed and are tried again. See the log; check the \
                 address, the credentials and the network.",
            ),
            counter(
                "weir_store_cold_unreachable_total",
                &counters.unreachable,
                "Reads of cold blocks that failed: answers lacked them and said so. Check the object store.",
            ),
            counter(
                "weir_store_cold_fetched_bytes_total",
                &counters.fetched_bytes,
                "Bytes read from the object store.",
            ),
            counter("weir_store_cold_cached_bytes_total", &counters.cached_bytes, "Bytes read from the cache instead."),
            Reading::gauge("weir_store_cold_cache_bytes", &[], self.cache.bytes() as f64, "Bytes in the cache."),
        ]
    }
}

impl Away {
    /// The block of a stub with that file name and size.
    pub(crate) fn new(stub: &str, size: u64, cold: &Arc<Cold>) -> Self {
        Self { key: stub.trim_end_matches(".cold").to_owned(), size, cold: cold.clone() }
    }

    /// Reads a stretch of the block, of the cache or of the object store.
    pub(crate) fn read(&self, offset: u64, size: u32) -> Result<Vec<u8>, Error> {
        let end = (offset + u64::from(size)).min(self.size);
        let mut bytes = Vec::with_capacity(size as usize);
        let mut at = offset;
        while at < end {
            let chunk = at / FETCHED_AT_ONCE;
            let whole = self.chunk(chunk)?;
            let from = (at - chunk * FETCHED_AT_ONCE) as usize;
            let to = ((end - chunk * FETCHED_AT_ONCE) as usize).min(whole.len());
            let Some(part) = whole.get(from..to).filter(|part| !part.is_empty()) else { break };
            bytes.extend_from_slice(part);
            at += part.len() as u64;
        }
        Ok(bytes)
    }

    fn chunk(&self, number: u64) -> Result<Vec<u8>, Error> {
        let name = format!("{}-{number}", self.key);
        let counters = &self.cold.counters;
        if let Some(bytes) = self.cold.cache.find(&name) {
            counters.cached_bytes.fetch_add(bytes.len() as u64, Relaxed);
            return Ok(bytes);
        }
        let from = number * FETCHED_AT_ONCE;
        let size = FETCHED_AT_ONCE.min(self.size.saturating_sub(from));
        let remote = self.cold.remote(&self.key);
        let fetched = remote.and_then(|remote| {
            remote.get_range(&self.key, from, size as usize).map_err(Error::remote("read", &self.key))
        });
        let bytes = fetched.inspect_err(|_| {
            counters.unreachable.fetch_add(1, Relaxed);
        })?;
        counters.fetched_bytes.fetch_add(bytes.len() as u64, Relaxed);
        self.cold.cache.keep(&name, &bytes);
        Ok(bytes)
    }
}
