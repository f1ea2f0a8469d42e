//! Rows kept together, one per label set.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::budget::Budget;
use crate::error::QueryError;
use crate::labels::LabelSet;
use crate::row::{ABSENT, Row, is_present};

/// Rows in the order in which their label sets were first seen.
pub(crate) struct Collected<'a> {
    budget: &'a Budget,
    rows: Vec<Row>,
    index: HashMap<LabelSet, usize>,
}

impl<'a> Collected<'a> {
    pub(crate) fn new(budget: &'a Budget) -> Self {
        Self { budget, rows: Vec::new(), index: HashMap::new() }
    }

    /// Adds a row, or joins it with the one of the same labels; they must not both have a value at a step.
    pub(crate) fn add(&mut self, row: Row) -> Result<(), QueryError> {
        if row.is_empty() {
            return Ok(());
        }
        self.budget.hold(row.heap_bytes() + row.labels.heap_bytes())?;
        match self.index.entry(row.labels.clone()) {
            Entry::Occupied(at) => join(&mut self.rows[*at.get()], row),
            Entry::Vacant(place) => {
                place.insert(self.rows.len());
                self.rows.push(row);
                Ok(())
            }
        }
    }

    pub(crate) fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}

fn doubled(labels: &LabelSet) -> QueryError {
    QueryError::execution(format!("vector cannot contain metrics with the same labelset: {labels}"))
}

fn join(kept: &mut Row, more: Row) -> Result<(), QueryError> {
    let steps = kept.floats.len().max(kept.histograms.len()).max(more.floats.len()).max(more.histograms.len());
    if (0..steps).any(|step| kept.has(step) && more.has(step)) {
        return Err(doubled(&kept.labels));
    }
    if !more.floats.is_empty() {
        kept.floats.resize(steps, ABSENT);
        for (kept, value) in kept.floats.iter_mut().zip(more.floats).filter(|(_, value)| is_present(*value)) {
            *kept = value;
        }
    }
    if !more.histograms.is_empty() {
        kept.histograms.resize(steps, None);
        for (kept, histogram) in
            kept.histograms.iter_mut().zip(more.histograms).filter(|(_, histogram)| histogram.is_some())
        {
            *kept = histogram;
        }
    }
    Ok(())
}
