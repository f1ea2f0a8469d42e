//! Selectors: which series and instants a query reads, and what an instant selector sees at each step.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::syntax::{AtModifier, Edges, Offset, VectorSelector};
use weir_sample::{Histogram, Timestamp};
use weir_store::{Column, Hint, Hole, Matcher, Selection, SeriesData};

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::labels::LabelSet;
use crate::read::samples::{Points, Samples};
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

/// What is asked of a selector's newest sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Newest {
    Value,
    /// When it was taken.
    Time,
    /// Since when it counts.
    Start,
}

impl Evaluator<'_> {
    /// An instant selector: the newest sample at each step, unless it is too old or marks the series as stale.
    pub(crate) fn latest(&self, selector: &VectorSelector, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        if selector.edges == Edges::Smoothed {
            return self.smoothed(selector, steps, sink);
        }
        self.newest(selector, steps, Newest::Value, sink)
    }

    /// As [`Evaluator::latest`], for the samples themselves or their times in seconds.
    pub(crate) fn newest(
        &self,
        selector: &VectorSelector,
        steps: Steps,
        asked: Newest,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let view = self.view(steps, selector.at.as_ref(), selector.offset.as_ref());
        let lookback = self.lookback();
        self.read(selector, view, (lookback, 0), Hint::Raw, &mut |samples| {
            // An instant sees a point as long as the next one takes.
            let lookback = lookback.max(samples.resolution);
            let Samples { labels, floats, histograms, .. } = samples;
            let mut row = Row::of_floats(labels, Vec::new());
            if !floats.is_empty() {
                row.floats = newest_floats(&floats, view, lookback, asked);
            }
            if !histograms.is_empty() {
                add_newest(&mut row, &floats, &histograms, (view, lookback), asked);
            }
            sink(row)
        })
    }

    /// How far back an instant looks.
    pub(crate) fn lookback(&self) -> i64 {
        self.budget.limits.lookback.as_millis() as i64
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

    /// Reads what `selector` matches in the windows `(t - before, t + after]` of all steps, series by series.
    pub(crate) fn read(
        &self,
        selector: &VectorSelector,
        view: Steps,
        (before, after): (i64, i64),
        hint: Hint,
        each: &mut dyn FnMut(Samples) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let matchers = matchers(selector, &|| self.budget.check_time())?;
        let span = (view.start.saturating_sub(before).saturating_add(1), view.end().saturating_add(after));
        self.read_matching(matchers, span, hint, each)
    }

    /// Reads what all matchers match from one time to another, both included, series by series.
    pub(crate) fn read_matching(
        &self,
        matchers: Vec<Matcher>,
        (start, end): (i64, i64),
        hint: Hint,
        each: &mut dyn FnMut(Samples) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let wanted = self.budget.wanted();
        let matchers: Vec<_> = matchers.into_iter().map(|matcher| matcher.while_wanted(wanted.clone())).collect();
        let (start, end) = (Timestamp(start), Timestamp(end));
        let selection = Selection { matchers: &matchers, start, end, hint, any_order: !self.is_ordered };
        let mut outcome = Ok(());
        // A series with floats and histograms comes in two pieces.
        let mut waiting: Option<Samples> = None;
        let answered = self.source.select(&selection, &mut |data| {
            let has_more = data.more;
            let mut samples = samples_of(data);
            outcome = self.budget.read(samples.len()).and_then(|()| {
                match waiting.take() {
                    Some(first) if first.labels == samples.labels => samples.floats = first.floats,
                    Some(first) => each(first)?,
                    None => {}
                }
                if has_more {
                    waiting = Some(samples);
                    return Ok(());
                }
                each(samples)
            });
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome = outcome.and_then(|()| waiting.map_or(Ok(()), each));
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

fn samples_of(data: SeriesData) -> Samples {
    let SeriesData { series, kind, tier, timestamps: times, values, starts, more: _ } = data;
    let (mut floats, mut histograms) = (Points::default(), Points::default());
    match values {
        Column::Floats(values) => floats = Points { times, values, starts },
        Column::Histograms(values) => histograms = Points { times, values, starts },
    }
    let resolution = tier.resolution().as_millis() as i64;
    Samples { labels: LabelSet::from(&series), drops_name: false, floats, histograms, resolution, kind: Some(kind) }
}

pub(crate) fn newest_floats(floats: &Points<f64>, view: Steps, lookback: i64, asked: Newest) -> Vec<f64> {
    let unless_stale = |at: usize, told: f64| if is_absent(floats.values[at]) { ABSENT } else { told };
    match asked {
        Newest::Value => newest_of(&floats.times, view, lookback, |at| floats.values[at]),
        Newest::Time => newest_of(&floats.times, view, lookback, |at| unless_stale(at, floats.times[at] as f64 / 1e3)),
        Newest::Start => newest_of(&floats.times, view, lookback, |at| unless_stale(at, floats.start(at) as f64 / 1e3)),
    }
}

fn newest_of(times: &[i64], view: Steps, lookback: i64, pick: impl Fn(usize) -> f64) -> Vec<f64> {
    if let Some(stretch) = steady(times, view, 0).filter(|stretch| stretch.interval <= lookback) {
        return newest_of_stretch(times, view, lookback, pick, &stretch);
    }
    let newest = |low: usize, high: usize| if low < high { pick(high - 1) } else { ABSENT };
    spans(times, view, lookback).map(|span| newest(span.low, span.high)).collect()
}

/// Where samples keep the pace of the steps nothing is searched: before the stretch there is no sample, and after it the
/// last one until it is too old.
fn newest_of_stretch(
    times: &[i64],
    view: Steps,
    lookback: i64,
    pick: impl Fn(usize) -> f64,
    stretch: &Stretch,
) -> Vec<f64> {
    let mut newest = vec![ABSENT; stretch.steps.start];
    newest.reserve(view.count - newest.len());
    newest.extend((0..stretch.steps.len()).map(|i| pick(stretch.high - 1 + i * stretch.stride)));
    let last = times.len() - 1;
    let fresh = |step: usize| times[last] > view.at(step).saturating_sub(lookback);
    newest.extend((stretch.steps.end..view.count).map(|step| if fresh(step) { pick(last) } else { ABSENT }));
    newest
}

/// Puts histograms where they are newer than the floats of a row.
fn add_newest(
    row: &mut Row,
    floats: &Points<f64>,
    histograms: &Points<Histogram>,
    (view, lookback): (Steps, i64),
    asked: Newest,
) {
    if asked == Newest::Value {
        row.histograms.resize(view.count, None);
    } else {
        row.floats.resize(view.count, ABSENT);
    }
    let of_floats = spans(&floats.times, view, lookback);
    for (span, of_floats) in spans(&histograms.times, view, lookback).zip(of_floats) {
        let is_older = of_floats.low < of_floats.high
            && span.low < span.high
            && floats.times[of_floats.high - 1] > histograms.times[span.high - 1];
        if span.low == span.high || is_older {
            continue;
        }
        row.clear(span.step);
        let at = span.high - 1;
        if is_absent(histograms.values[at].sum()) {
            continue;
        }
        match asked {
            Newest::Value => row.histograms[span.step] = Some(Box::new(histograms.values[at].clone())),
            Newest::Time => row.floats[span.step] = histograms.times[at] as f64 / 1e3,
            Newest::Start => row.floats[span.step] = histograms.start(at) as f64 / 1e3,
        }
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
