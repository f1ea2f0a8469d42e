//! At which steps there is a value: a bit per step.

use crate::row::Row;

#[derive(Clone, Debug)]
pub(crate) struct Presence(Vec<u64>);

impl Presence {
    pub(crate) fn nowhere(steps: usize) -> Self {
        Self(vec![0; steps.div_ceil(64)])
    }

    /// Marks a step; tells whether it was marked before.
    pub(crate) fn mark(&mut self, step: usize) -> bool {
        let (word, bit) = (&mut self.0[step / 64], 1 << (step % 64));
        let before = *word & bit != 0;
        *word |= bit;
        before
    }

    pub(crate) fn has(&self, step: usize) -> bool {
        self.0[step / 64] & (1 << (step % 64)) != 0
    }

    /// Marks every step at which the row has a value.
    pub(crate) fn mark_row(&mut self, row: &Row, steps: usize) {
        for step in (0..steps).filter(|&step| row.has(step)) {
            self.mark(step);
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.len() * 8
    }
}
