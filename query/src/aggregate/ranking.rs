//! `topk`, `bottomk`, `limitk`: at every step the best elements of a group, kept as they stream by.

use std::collections::BTreeMap;

use crate::labels::LabelSet;
use crate::row::{ABSENT, Row, is_present};

/// Which elements are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Largest,
    Smallest,
    First,
}

/// The rows in the running, and how many places there are at each step.
pub(crate) struct Ranking {
    keep: Keep,
    sizes: Vec<usize>,
    labels: Vec<Option<LabelSet>>,
}

/// The kept elements of one group per step, best first: value and row.
pub(crate) type Places = Vec<Vec<(f64, usize)>>;

impl Ranking {
    pub(crate) fn new(keep: Keep, sizes: Vec<usize>) -> Self {
        Self { keep, sizes, labels: Vec::new() }
    }

    pub(crate) fn places(&self) -> Places {
        vec![Vec::new(); self.sizes.len()]
    }

    /// Offers a row to its group; returns the bytes that it now takes.
    pub(crate) fn add(&mut self, places: &mut Places, row: Row) -> usize {
        let id = self.labels.len();
        let (mut bytes, mut placed) = (size_of::<LabelSet>(), false);
        for ((kept, &size), &value) in places.iter_mut().zip(&self.sizes).zip(&row.floats) {
            if !is_present(value) || size == 0 {
                continue;
            }
            let at = kept.partition_point(|&(other, _)| !self.beats(value, other));
            if at < size {
                bytes += if kept.len() < size { size_of::<(f64, usize)>() } else { 0 };
                kept.truncate(size - 1);
                kept.insert(at, (value, id));
                placed = true;
            }
        }
        bytes += if placed { row.labels.heap_bytes() } else { 0 };
        self.labels.push(placed.then_some(row.labels));
        bytes
    }

    /// Of equal values the earlier one stays; any number beats NaN.
    fn beats(&self, value: f64, other: f64) -> bool {
        match self.keep {
            Keep::Largest => value > other || (other.is_nan() && !value.is_nan()),
            Keep::Smallest => value < other || (other.is_nan() && !value.is_nan()),
            Keep::First => false,
        }
    }

    /// The rows that hold a place at some step, in order of rank at the first such step.
    pub(crate) fn finish(mut self, groups: Vec<Places>) -> Vec<Row> {
        let mut order = BTreeMap::new();
        let mut rows: Vec<Row> = Vec::new();
        for places in groups {
            for (step, kept) in places.into_iter().enumerate() {
                for (value, id) in kept {
                    let at = *order.entry(id).or_insert(rows.len());
                    if at == rows.len() {
                        let labels = self.labels[id].take().unwrap_or_else(LabelSet::empty);
                        rows.push(Row::of_floats(labels, vec![ABSENT; self.sizes.len()]));
                    }
                    rows[at].floats[step] = value;
                }
            }
        }
        rows
    }
}
