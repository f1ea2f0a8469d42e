//! At which steps there is a value: a bit per step.

use crate::row::{Row, is_present};

/// The steps at which there is a value.
#[derive(Clone, Debug)]
pub(crate) struct Presence(Vec<u64>);

impl Presence {
    pub(crate) fn nowhere(steps: usize) -> Self {
        Self(vec![0; steps.div_ceil(64)])
    }

    /// Where a row has a value.
    pub(crate) fn of(row: &Row, steps: usize) -> Self {
        let mut presence = Self::nowhere(steps);
        for (word, values) in presence.0.iter_mut().zip(row.floats.chunks(64)) {
            *word = values.iter().enumerate().fold(0, |word, (bit, &value)| word | u64::from(is_present(value)) << bit);
        }
        for (step, _) in row.histograms.iter().enumerate().filter(|(_, histogram)| histogram.is_some()) {
            presence.mark(step);
        }
        presence
    }

    pub(crate) fn mark(&mut self, step: usize) {
        self.0[step / 64] |= 1 << (step % 64);
    }

    pub(crate) fn unmark(&mut self, step: usize) {
        self.0[step / 64] &= !(1 << (step % 64));
    }

    pub(crate) fn has(&self, step: usize) -> bool {
        self.0[step / 64] & (1 << (step % 64)) != 0
    }

    /// Marks every step that `other` marks.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// The steps that both mark.
    pub(crate) fn both(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(word, other)| word & other).collect())
    }

    /// The steps that this one marks and the other does not.
    pub(crate) fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(word, other)| word & !other).collect())
    }

    /// The first marked step.
    pub(crate) fn first(&self) -> Option<usize> {
        let at = self.0.iter().position(|&word| word != 0)?;
        Some(at * 64 + self.0[at].trailing_zeros() as usize)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.len() * 8
    }
}
