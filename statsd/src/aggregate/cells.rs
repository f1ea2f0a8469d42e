//! The series held at once: their cells, found by series, reused when one expires.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use weir_sample::{Kind, Series};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::cell::{Cell, Rules};

#[derive(Debug)]
pub(crate) struct Cells {
    /// Apart from the series, so that a line touches no more memory than it must.
    cells: Vec<Cell>,
    series: Vec<Series>,
    index: HashTable<u32>,
    free: Vec<u32>,
    seed: u64,
}

impl Cells {
    pub(crate) fn new() -> Self {
        let (cells, series, free) = (Vec::new(), Vec::new(), Vec::new());
        Self { cells, series, index: HashTable::new(), free, seed: RandomState::new().hash_one("series") }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    #[inline]
    pub(crate) fn cell(&mut self, at: u32) -> &mut Cell {
        &mut self.cells[at as usize]
    }

    /// The slot that holds `series`.
    pub(crate) fn find(&self, series: &Series) -> Option<u32> {
        let hash = hash_of(self.seed, series);
        self.index.find(hash, |&at| self.series[at as usize] == *series).copied()
    }

    /// Takes in a series that is not held yet.
    pub(crate) fn insert(&mut self, series: Series, kind: Kind) -> u32 {
        let hash = hash_of(self.seed, &series);
        let at = match self.free.pop() {
            Some(at) => {
                self.cells[at as usize] = Cell::new(kind);
                self.series[at as usize] = series;
                at
            }
            None => {
                self.cells.push(Cell::new(kind));
                self.series.push(series);
                (self.cells.len() - 1) as u32
            }
        };
        self.index.insert_unique(hash, at, |&at| hash_of(self.seed, &self.series[at as usize]));
        at
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&Series, &mut Cell)> {
        self.series.iter().zip(&mut self.cells).filter(|(_, cell)| cell.kind().is_some())
    }

    /// Frees the slots of expired series, telling each.
    pub(crate) fn expire(&mut self, rules: &Rules, mut gone: impl FnMut(&Series)) -> usize {
        let before = self.free.len();
        for at in 0..self.cells.len() {
            if self.cells[at].expired(rules) {
                self.remove(at as u32, &mut gone);
            }
        }
        self.free.len() - before
    }

    fn remove(&mut self, at: u32, gone: &mut impl FnMut(&Series)) {
        let series = std::mem::replace(&mut self.series[at as usize], Series::named(""));
        gone(&series);
        self.cells[at as usize] = Cell::free();
        let hash = hash_of(self.seed, &series);
        if let Ok(entry) = self.index.find_entry(hash, |&other| other == at) {
            entry.remove();
        }
        self.free.push(at);
    }

    pub(crate) fn is_held(&self, at: u32) -> bool {
        self.cells[at as usize].kind().is_some()
    }
}

fn hash_of(seed: u64, series: &Series) -> u64 {
    xxh3_64_with_seed(series.key().as_bytes(), seed)
}
