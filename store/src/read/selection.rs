//! The words in which series are asked for and handed over.

use weir_sample::{Kind, Series, Timestamp};

use crate::read::holes::Hole;
use crate::{Column, Hint, Matcher, Tier};

/// A question for series.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// All must hold.
    pub matchers: &'a [Matcher],
    /// First instant, inclusive.
    pub start: Timestamp,
    /// Last instant, inclusive.
    pub end: Timestamp,
    /// Use that the samples are put to.
    pub hint: Hint,
    /// Series may come in any order, which reads many of them faster where all is in memory or sealed lately.
    pub any_order: bool,
}

/// One series and its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesData {
    /// The series.
    pub series: Series,
    /// Its kind.
    pub kind: Kind,
    /// Resolution of its samples. An instant selector must look back by at least this much.
    pub tier: Tier,
    /// Milliseconds, ascending, each once.
    pub timestamps: Vec<i64>,
    /// One value per timestamp.
    pub values: Column,
    /// When what counts on began to count, one per timestamp, zero where that is not known; empty where it never is.
    pub starts: Vec<i64>,
    /// These are its floats, and its histograms come next.
    pub more: bool,
}

impl SeriesData {
    /// Leaves out samples before an instant.
    pub fn retain_from(&mut self, start: Timestamp) {
        let from = self.timestamps.partition_point(|time| *time < start.millis());
        self.timestamps.drain(..from);
        self.starts.drain(..from.min(self.starts.len()));
        match &mut self.values {
            Column::Floats(values) => drop(values.drain(..from)),
            Column::Histograms(values) => drop(values.drain(..from)),
        }
    }
}

/// Sources of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Resolution of the series, of which there may be none.
    pub tier: Tier,
    /// Some of it is in the object store, which did not answer: samples are missing.
    pub partial: bool,
    /// What is damaged: coarser points stand for it where they are kept, and else it is missing.
    pub holes: Vec<Hole>,
}
