//! Another set of blocks is put in place of the one before. No checkpoint sees half of the change.

use std::sync::Arc;

use crate::disk::block::Block;
use crate::store::Inner;

impl Inner {
    /// Puts another set of blocks in place. No checkpoint sees half of the change.
    pub(crate) fn publish(&self, gone: &[u64], new: Vec<Arc<Block>>, frontier: i64, along: impl FnOnce(u64)) {
        let _gate = self.gate.read();
        let mut blocks = self.blocks.lock();
        let current = blocks.current();
        let next = current.changed(gone, new, frontier);
        along(next.epoch);
        let paths = current.blocks.iter().filter(|block| gone.contains(&block.name.number));
        let paths: Vec<_> = paths.map(|block| block.pages.path.clone()).collect();
        let changed = current.differing(&next);
        self.obsolete.lock().extend(paths);
        blocks.replace(next);
        changed.into_iter().for_each(|(start, end)| self.versions.touch_span(start, end));
    }

    /// Puts a stub in the place of its block, unless the block was merged or retired meanwhile.
    pub(crate) fn swap(&self, old: &Arc<Block>, new: Arc<Block>) -> bool {
        let _gate = self.gate.read();
        let mut blocks = self.blocks.lock();
        let current = blocks.current();
        if !current.blocks.iter().any(|block| Arc::ptr_eq(block, old)) {
            return false;
        }
        self.obsolete.lock().push(old.pages.path.clone());
        blocks.replace(current.changed(&[old.name.number], vec![new], i64::MIN));
        self.versions.touch_span(old.name.start, old.name.end);
        true
    }
}
