//! The labels of those blocks that were asked for lately.

use std::collections::VecDeque;
use std::sync::Arc;

use super::block::Block;
use crate::Error;
use crate::index::Index;
use crate::locks::{Lock, Rank};

/// Labels of blocks, as long as they fit.
pub(crate) struct LabelCache {
    held: Lock<VecDeque<Held>>,
}

struct Held {
    number: u64,
    bytes: u64,
    labels: Arc<Index>,
}

/// Bytes of labels in files whose decoded form is kept, which takes some ten times as much.
const HELD_BYTES: u64 = 24 << 20;

impl Default for LabelCache {
    fn default() -> Self {
        Self { held: Lock::new(Rank::Labels, VecDeque::new()) }
    }
}

impl LabelCache {
    /// The labels of a block. `None`: they are damaged.
    pub(crate) fn labels(&self, block: &Block) -> Result<Option<Arc<Index>>, Error> {
        let number = block.name.number;
        let mut held = self.held.lock();
        if let Some(at) = held.iter().position(|held| held.number == number) {
            let found = held.remove(at);
            let labels = found.as_ref().map(|found| found.labels.clone());
            held.extend(found);
            return Ok(labels);
        }
        drop(held);
        let Some(labels) = block.read_labels()? else {
            block.pages.labels_are_damaged();
            return Ok(None);
        };
        let labels = Arc::new(labels);
        let mut held = self.held.lock();
        held.push_back(Held { number, bytes: block.label_bytes(), labels: labels.clone() });
        while held.len() > 1 && held.iter().map(|held| held.bytes).sum::<u64>() > HELD_BYTES {
            held.pop_front();
        }
        Ok(Some(labels))
    }
}
