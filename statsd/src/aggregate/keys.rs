//! Spellings of series as clients send them, each with the cell it feeds: one hash and one comparison per line.
//!
//! A spelling is the bytes before the value, DogStatsD's tags, and the type. Two spellings of one series (tags in
//! another order, `a.b` and `a_b`) point to the same cell.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::line::{Metric, Type};

#[derive(Debug)]
pub(crate) struct Keys {
    table: HashTable<Key>,
    /// Differs from process to process, so that nobody can choose names that collide.
    seed: u64,
}

#[derive(Debug)]
struct Key {
    /// The name as sent, then the tags.
    bytes: Box<[u8]>,
    cell: u32,
    name_len: u16,
    kind: Type,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self { table: HashTable::new(), seed: RandomState::new().hash_one("statsd") }
    }

    #[inline]
    pub(crate) fn hash(&self, metric: &Metric<'_>) -> u64 {
        hash(self.seed, metric.kind, metric.key, metric.tags)
    }

    /// The cell that this spelling feeds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, metric: &Metric<'_>) -> Option<u32> {
        self.table.find(hash, |key| key.is(metric)).map(|key| key.cell)
    }

    /// Remembers a new spelling, unless it is longer than any that is worth it.
    pub(crate) fn insert(&mut self, hash: u64, metric: &Metric<'_>, cell: u32) {
        let Ok(name_len) = u16::try_from(metric.key.len()) else { return };
        let bytes = [metric.key, metric.tags].concat().into_boxed_slice();
        let seed = self.seed;
        self.table.insert_unique(hash, Key { bytes, cell, name_len, kind: metric.kind }, |key| key.hash(seed));
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Forgets the spellings whose cell is not to be kept.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u32) -> bool) {
        self.table.retain(|key| keep(key.cell));
        // After a flood the memory goes back.
        if self.table.capacity() > 4 * self.table.len().max(1_024) {
            let seed = self.seed;
            self.table.shrink_to(2 * self.table.len(), |key| key.hash(seed));
        }
    }
}

impl Key {
    #[inline]
    fn is(&self, metric: &Metric<'_>) -> bool {
        let name_len = usize::from(self.name_len);
        self.kind == metric.kind
            && name_len == metric.key.len()
            && &self.bytes[..name_len] == metric.key
            && &self.bytes[name_len..] == metric.tags
    }

    fn hash(&self, seed: u64) -> u64 {
        let (name, tags) = self.bytes.split_at(usize::from(self.name_len));
        hash(seed, self.kind, name, tags)
    }
}

#[inline]
fn hash(seed: u64, kind: Type, name: &[u8], tags: &[u8]) -> u64 {
    let hash = xxh3_64_with_seed(name, seed ^ kind as u64);
    if tags.is_empty() { hash } else { xxh3_64_with_seed(tags, hash) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{Item, parse};

    fn metric(line: &str) -> Metric<'_> {
        let mut read = None;
        parse(line.as_bytes(), |item| {
            if let Ok(Item::Metric(metric)) = item {
                read = Some(metric);
            }
        });
        read.expect("a good line")
    }

    #[test]
    fn a_spelling_is_name_tags_and_type() {
        let spellings = ["ab:1|c|#c:1", "a:1|c|#bc:1", "ab:1|c", "ab:1|g", "ab:1|c|#c:1,d:2", "ab,c=1:1|c"];
        let mut keys = Keys::new();
        for (cell, line) in (0..).zip(spellings) {
            let metric = metric(line);
            assert_eq!(keys.find(keys.hash(&metric), &metric), None, "{line}");
            keys.insert(keys.hash(&metric), &metric, cell);
        }
        for (cell, line) in (0..).zip(spellings) {
            let again = line.replace(":1|", ":25.5|");
            let metric = metric(&again);
            assert_eq!(keys.find(keys.hash(&metric), &metric), Some(cell), "{line}");
        }
        keys.retain(|cell| cell % 2 == 0);
        assert_eq!(keys.len(), 3);
    }
}
