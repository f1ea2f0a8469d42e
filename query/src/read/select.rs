//! Selectors: which series and instants a query reads, and what an instant selector sees at each step.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::syntax::{AtModifier, Offset, VectorSelector};
use weir_sample::{Histogram, Timestamp};
use weir_store::{Column, Hint, Hole, Selection};

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::labels::LabelSet;
use crate::read::samples::Samples;
use crate::read::window::{Stretch, spans, steady};
use crate::row::{ABSENT, Row, Steps, is_absent};
use crate::text::matchers::matchers;

/// The warning of an answer that lacks samples.
const PARTIAL: &str = "the object store with the older samples did not answer: what it has is missing here";

/// The warning of an answer that reads damaged files.
fn damaged(hole: &Hole) -> String {
    let (tier, start, end) = (hole.tier.name(), hole.start as f64 / 1e3, hole.end as f64 / 1e3);
    format!(
        "tier {tier} is damaged from {start:.3} to {end:.3} (seconds since 1970): coarser points stand there where they are \
         kept, and else samples are missing"
    )
}

impl Evaluator<'_> {
    /// An instant selector: the newest sample at each step, unless it is too old or marks the series as stale.
    pub(crate) fn latest(&self, selector: &VectorSelector, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        self.newest(selector, steps, sink, |_, value| value)
    }

    /// `timestamp(selector)`: when that sample was taken, in seconds.
    pub(crate) fn latest_times(
        &self,
        selector: &VectorSelector,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        self.newest(selector, steps, &mut |row| sink(times_of(row)), |time, _| time as f64 / 1e3)
    }

    fn newest(
        &self,
        selector: &VectorSelector,
        steps: Steps,
        sink: Sink<'_>,
        pick: impl Fn(i64, f64) -> f64,
    ) -> Result<(), QueryError> {
        let view = self.view(steps, selector.at.as_ref(), selector.offset.as_ref());
        let lookback = self.budget.limits.lookback.as_millis() as i64;
        self.read(selector, view, lookback, Hint::Raw, &mut |samples| {
            let Samples { labels, timestamps, values, resolution, .. } = samples;
            // An instant sees a point as long as the next one takes.
            let lookback = lookback.max(resolution);
            match values {
                Column::Floats(values) => {
                    sink(Row::of_floats(labels, newest_floats(&timestamps, &values, view, lookback, &pick)))
                }
                Column::Histograms(values) => {
                    sink(Row::of_histograms(labels, newest_histograms(&timestamps, &values, view, lookback)))
                }
            }
        })
    }

    /// Where a selector looks when the query is at `steps`.
    pub(crate) fn view(&self, steps: Steps, at: Option<&AtModifier>, offset: Option<&Offset>) -> Steps {
        let offset = match offset {
            Some(Offset::Pos(by)) => millis(*by),
            Some(Offset::Neg(by)) => -millis(*by),
            None => 0,
        };
        let fixed = at.map(|at| match at {
            AtModifier::Start => self.query.start,
            AtModifier::End => self.query.end(),
            AtModifier::At(time) => *time,
        });
        match fixed {
            Some(at) => Steps { start: at.saturating_sub(offset), step: 0, count: steps.count },
            None => Steps { start: steps.start.saturating_sub(offset), ..steps },
        }
    }

    /// Reads what `selector` matches in the windows `(t - width, t]` of all steps, series by series.
    pub(crate) fn read(
        &self,
        selector: &VectorSelector,
        view: Steps,
        width: i64,
        hint: Hint,
        each: &mut dyn FnMut(Samples) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let matchers = matchers(selector, &|| self.budget.check_time())?;
        let wanted = self.budget.wanted();
        let matchers: Vec<_> = matchers.into_iter().map(|matcher| matcher.while_wanted(wanted.clone())).collect();
        let start = Timestamp(view.start.saturating_sub(width).saturating_add(1));
        let selection = Selection { matchers: &matchers, start, end: Timestamp(view.end()), hint, any_order: true };
        let mut outcome = Ok(());
        let answered = self.source.select(&selection, &mut |data| {
            let labels = LabelSet::from(&data.series);
            let resolution = data.tier.resolution().as_millis() as i64;
            let kind = Some(data.kind);
            let samples = Samples { labels, timestamps: data.timestamps, values: data.values, resolution, kind };
            outcome = self.budget.read(samples.timestamps.len()).and_then(|()| each(samples));
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if answered.partial {
            self.budget.warn(PARTIAL);
        }
        self.source.warning(selection.end).iter().for_each(|warning| self.budget.warn(warning));
        answered.holes.iter().for_each(|hole| self.budget.warn(&damaged(hole)));
        let mut tiers = self.tiers.borrow_mut();
        if !tiers.contains(&answered.tier) {
            tiers.push(answered.tier);
        }
        // A search that was given up has found too little.
        outcome.and_then(|()| self.budget.check_time())
    }
}

fn newest_floats(
    timestamps: &[i64],
    values: &[f64],
    view: Steps,
    lookback: i64,
    pick: impl Fn(i64, f64) -> f64,
) -> Vec<f64> {
    if let Some(stretch) = steady(timestamps, view, 0).filter(|stretch| stretch.interval <= lookback) {
        return newest_of_stretch(timestamps, values, view, lookback, pick, &stretch);
    }
    let newest = |low: usize, high: usize| match high.checked_sub(1).filter(|_| low < high) {
        Some(at) if !is_absent(values[at]) => pick(timestamps[at], values[at]),
        _ => ABSENT,
    };
    spans(timestamps, view, lookback).map(|span| newest(span.low, span.high)).collect()
}

/// Where samples keep the pace of the steps nothing is searched: before the stretch there is no sample, and after it the
/// last one until it is too old.
fn newest_of_stretch(
    timestamps: &[i64],
    values: &[f64],
    view: Steps,
    lookback: i64,
    pick: impl Fn(i64, f64) -> f64,
    stretch: &Stretch,
) -> Vec<f64> {
    let pick = |at: usize| if is_absent(values[at]) { ABSENT } else { pick(timestamps[at], values[at]) };
    let mut newest = vec![ABSENT; stretch.steps.start];
    newest.reserve(view.count - newest.len());
    newest.extend((0..stretch.steps.len()).map(|i| pick(stretch.high - 1 + i * stretch.stride)));
    let last = timestamps.len() - 1;
    let fresh = |step: usize| timestamps[last] > view.at(step).saturating_sub(lookback);
    newest.extend((stretch.steps.end..view.count).map(|step| if fresh(step) { pick(last) } else { ABSENT }));
    newest
}

fn newest_histograms(
    timestamps: &[i64],
    values: &[Histogram],
    view: Steps,
    lookback: i64,
) -> Vec<Option<Box<Histogram>>> {
    let newest = |low: usize, high: usize| (low < high).then(|| Box::new(values[high - 1].clone()));
    spans(timestamps, view, lookback).map(|span| newest(span.low, span.high)).collect()
}

/// The times of histograms are not kept apart, so the row that asks for times has floats alone.
fn times_of(row: Row) -> Row {
    Row::of_floats(row.labels.without_name(), row.floats)
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
