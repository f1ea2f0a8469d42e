//! Functions over ranges: the call, its parameters, and a row per series.

mod average;
mod call;
mod counters;
pub(crate) mod edges;
mod floats;
mod function;
mod histograms;
mod merge_queue;
mod mixed;
mod rate;
mod regression;

use crate::syntax::Expr;

use weir_sample::Kind;

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::functions::over_time::function::OverTime;
use crate::labels::LabelSet;
use crate::notes::Notes;
use crate::read::samples::{Ranges, Samples};
use crate::row::{Row, Steps, is_present};

/// A function over a range that is asked for somewhere in a query.
pub(crate) struct Asked<'q> {
    pub(crate) function: &'q OverTime,
    pub(crate) range: &'q Expr,
    /// Where notes say that it stands.
    pub(crate) place: usize,
    pub(crate) steps: Steps,
}

impl Evaluator<'_> {
    pub(crate) fn over_range(&self, asked: &Asked<'_>, sink: Sink<'_>) -> Result<(), QueryError> {
        let function = asked.function;
        let mut overlaps: Vec<(String, usize)> = Vec::new();
        self.ranges(asked.range, asked.steps, function.hint(), &mut |samples, ranges| {
            let hint = function.counts().then(|| no_counter(&samples)).flatten();
            let (row, overlapping) = self.apply(asked, samples, ranges)?;
            overlaps.extend(overlapping);
            if let Some(hint) = hint
                && row.floats.iter().any(|value| is_present(*value))
            {
                self.inform(asked.range, &hint);
            }
            if row.is_empty() { Ok(()) } else { sink(row) }
        })?;
        self.tell_overlaps(overlaps, asked.place);
        Ok(())
    }

    fn tell_overlaps(&self, mut overlaps: Vec<(String, usize)>, place: usize) {
        overlaps.sort();
        for same in overlaps.chunk_by(|one, other| one.0 == other.0) {
            let count: usize = same.iter().map(|(_, count)| count).sum();
            let often = if count > 1 { format!(" ({count} occurrences)") } else { String::new() };
            let what = "sample has start time that overlaps with previous sample timestamp for metric";
            self.warn_at(place, &format!("{what} {}{often}", same[0].0));
        }
    }

    /// The row of one series; and where samples count since a time at which the one before was counting, its name and in how many
    /// windows.
    pub(crate) fn apply(
        &self,
        asked: &Asked<'_>,
        samples: Samples,
        ranges: Ranges,
    ) -> Result<(Row, Option<(String, usize)>), QueryError> {
        let Asked { function, range, place, steps } = *asked;
        let notes = Notes::new(self, place, &samples.labels);
        let mut row = Row::of_floats(LabelSet::empty(), Vec::new());
        if let Some(reach) = self.reach(range) {
            edges::over_time(function, &mut row, &samples, (ranges, reach), &notes);
        } else {
            let floats = &samples.floats;
            let of_floats = match floats.is_empty() {
                true => Vec::new(),
                false if !floats.starts.is_empty() && function.sees_starts() => {
                    counters::with_starts(function, floats, ranges, &notes)
                }
                false => floats::over_time(function, &floats.times, &floats.values, ranges, steps, self.budget),
            };
            if !samples.histograms.is_empty() {
                histograms::over_time(function, &mut row, &samples.histograms, ranges, &notes, self.budget);
            }
            match floats.is_empty() || samples.histograms.is_empty() {
                true if !floats.is_empty() => row.floats = of_floats,
                true => {}
                false => mixed::combine(function, of_floats, &mut row, &samples, ranges, &notes),
            }
        }
        let overlaps = notes.overlaps();
        row.labels = samples.labels;
        row.drops_name = samples.drops_name;
        let keeps_name = matches!(function, OverTime::First | OverTime::Last);
        let row = if keeps_name { row } else { self.nameless(row) };
        // Where time was up, the loops above ended early.
        if self.budget.is_over(0) {
            self.budget.check_time()?;
        }
        Ok((row, overlaps))
    }
}

/// What is said of a rate of something that seems to be no counter.
fn no_counter(samples: &Samples) -> Option<String> {
    if samples.kind == Some(Kind::Counter) {
        return None;
    }
    let (name, told_type) = (samples.labels.name(), samples.labels.value("__type__"));
    if !told_type.is_empty() {
        let what = "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got";
        return (!["counter", "histogram"].contains(&told_type)).then(|| format!("{what} {told_type:?}: {name:?}"));
    }
    let what = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
    samples.is_no_counter().then(|| format!("{what} {name:?}"))
}
