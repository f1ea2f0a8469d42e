//! What is said of the samples of one series, and where in the query it is asked for. The sentences are Prometheus'.

use std::cell::Cell;

use weir_sample::{Histogram, Incompatible, Joined};

use crate::evaluate::Evaluator;
use crate::labels::LabelSet;
use crate::syntax::quoted;

/// The place of a range, and the name of one series in it.
pub(crate) struct Notes<'e, 'a> {
    evaluator: &'e Evaluator<'a>,
    place: usize,
    labels: &'e LabelSet,
    overlaps: Cell<usize>,
}

impl<'e, 'a> Notes<'e, 'a> {
    pub(crate) fn new(evaluator: &'e Evaluator<'a>, place: usize, labels: &'e LabelSet) -> Self {
        Self { evaluator, place, labels, overlaps: Cell::new(0) }
    }

    fn name(&self) -> String {
        quoted(self.labels.name())
    }

    fn warn(&self, warning: &str) {
        self.evaluator.warn_at(self.place, warning);
    }

    fn inform(&self, info: &str) {
        self.evaluator.inform_at(self.place, info);
    }

    pub(crate) fn mixed(&self) {
        self.warn(&format!("encountered a mix of histograms and floats for metric name {}", self.name()));
    }

    pub(crate) fn ignored(&self) {
        let what = "ignored histograms in a range containing both floats and histograms for metric name";
        self.inform(&format!("{what} {}", self.name()));
    }

    pub(crate) fn not_counter(&self) {
        self.warn(&format!("this native histogram metric is not a counter: {}", self.name()));
    }

    pub(crate) fn not_gauge(&self) {
        self.warn(&format!("this native histogram metric is not a gauge: {}", self.name()));
    }

    pub(crate) fn incompatible(&self) {
        let what = "vector contains a mix of histograms with exponential and custom buckets schemas for metric name";
        self.warn(&format!("{what} {}", self.name()));
    }

    pub(crate) fn deltas_and_totals(&self) {
        let what =
            "range contains a mix of histograms that count on and of histograms of single windows for metric name";
        self.warn(&format!("{what} {}", self.name()));
    }

    pub(crate) fn collision(&self, during: &str) {
        self.warn(&format!("conflicting counter resets during histogram {during}"));
    }

    pub(crate) fn reconciled(&self, during: &str) {
        self.inform(&format!("mismatched custom buckets were reconciled during {during}"));
    }

    /// A sample counts since a time at which the one before it was still counting, once per window.
    pub(crate) fn overlap(&self) {
        self.overlaps.set(self.overlaps.get() + 1);
    }

    /// The series and in how many windows it does, if in any.
    pub(crate) fn overlaps(&self) -> Option<(String, usize)> {
        let count = self.overlaps.get();
        (count > 0).then(|| (self.name(), count))
    }

    /// What an operation between two histograms came to; the bounds it reconciled are told, what hints say is not.
    pub(crate) fn joined(&self, outcome: Result<Joined, Incompatible>, during: &str) -> Option<()> {
        match outcome {
            Ok(joined) => {
                if joined.bounds_reconciled {
                    self.reconciled(during);
                }
                Some(())
            }
            Err(Incompatible) => {
                self.incompatible();
                None
            }
        }
    }

    pub(crate) fn interpolated(&self, outcome: Result<(Histogram, [bool; 2]), Incompatible>) -> Option<Histogram> {
        let Ok((histogram, [subtracted, added])) = outcome else {
            self.incompatible();
            return None;
        };
        if subtracted {
            self.reconciled("subtraction");
        }
        if added {
            self.reconciled("addition");
        }
        Some(histogram)
    }
}
