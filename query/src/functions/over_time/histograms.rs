//! Functions over ranges of histograms: what each makes of a window.
//!
//! Ours hold what was observed in their own window alone, so a range is their merge; there is nothing to extrapolate and no
//! reset. Those that count on are asked as counters are.

use weir_sample::{Histogram, HistogramSum, ResetHint};

use crate::aggregate::histograms::HistogramMean;
use crate::budget::Budget;
use crate::functions::over_time::function::OverTime;
use crate::functions::over_time::merge_queue::merged;
use crate::functions::over_time::rate::{Change, Extent};
use crate::notes::Notes;
use crate::read::between::began_anew;
use crate::read::samples::{Points, Ranges};
use crate::read::window::{Span, spans};
use crate::row::{ABSENT, Row};

/// Work of a histogram, in the units of a query's budget.
const HISTOGRAM_UNITS: usize = 1_000;

/// Histograms of one window.
#[derive(Clone, Copy)]
pub(crate) struct Window<'w> {
    pub(crate) times: &'w [i64],
    pub(crate) values: &'w [Histogram],
    /// Empty where none is known.
    pub(crate) starts: &'w [i64],
    /// The window is `(start, end]`.
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// Values per step; the row has no labels yet.
pub(crate) fn over_time(
    function: &OverTime,
    row: &mut Row,
    points: &Points<Histogram>,
    ranges: Ranges,
    notes: &Notes<'_, '_>,
    budget: &Budget,
) {
    let Ranges { view, width, .. } = ranges;
    let is_delta = |histogram: &Histogram| histogram.hint() == ResetHint::Delta;
    let deltas = points.values.iter().filter(|histogram| is_delta(histogram)).count();
    let all_deltas = deltas == points.values.len();
    if all_deltas && let Some(histograms) = merges(function, points, ranges, notes, budget) {
        row.histograms = histograms;
        return;
    }
    for span in spans(&points.times, view, width).filter(|span| span.low < span.high) {
        let units = if function.looks_at_all() { span.high - span.low } else { 1 };
        if budget.is_over(units * HISTOGRAM_UNITS) {
            return;
        }
        let window = window(points, span, width);
        let in_window = if deltas == 0 { 0 } else { window.values.iter().filter(|value| is_delta(value)).count() };
        let outcome = match function {
            OverTime::Change(change) if in_window == window.values.len() => {
                merged_window(*change, window, ranges, notes)
            }
            OverTime::Change(_) if in_window > 0 => {
                notes.deltas_and_totals();
                Outcome::Nothing
            }
            _ => of_window(function, window, ranges, notes),
        };
        match outcome {
            Outcome::Nothing => {}
            Outcome::Float(value) => {
                row.floats.resize(view.count, ABSENT);
                row.floats[span.step] = value;
            }
            Outcome::Histogram(histogram) => {
                row.histograms.resize(view.count, None);
                row.histograms[span.step] = Some(Box::new(histogram));
            }
        }
    }
}

/// The functions that merge what windows hold.
fn merges(
    function: &OverTime,
    points: &Points<Histogram>,
    ranges: Ranges,
    notes: &Notes<'_, '_>,
    budget: &Budget,
) -> Option<Vec<Option<Box<Histogram>>>> {
    let share = ranges.share();
    let scale: &dyn Fn(usize) -> f64 = match function {
        OverTime::Change(Change::Rate) => &|_| 1e3 / ranges.width as f64,
        OverTime::Change(_) | OverTime::Sum => &|_| share,
        OverTime::Avg => &|count| 1.0 / count as f64,
        _ => return None,
    };
    if *function == OverTime::Change(Change::Delta) {
        notes.not_gauge();
    }
    let mut histograms = merged(&points.times, &points.values, (ranges.view, ranges.width), budget, scale);
    if matches!(function, OverTime::Change(_)) {
        histograms.iter_mut().flatten().for_each(|histogram| **histogram = turned_gauge(std::mem::take(histogram)));
    }
    Some(histograms)
}

/// A window of ours in a series that has others as well.
fn merged_window(change: Change, window: Window<'_>, ranges: Ranges, notes: &Notes<'_, '_>) -> Outcome {
    let mut merge = Histogram::new();
    window.values.iter().for_each(|value| merge.merge(value));
    merge.scale(if change == Change::Rate { 1e3 / ranges.width as f64 } else { ranges.share() });
    if change == Change::Delta {
        notes.not_gauge();
    }
    Outcome::Histogram(turned_gauge(merge))
}

pub(crate) fn turned_gauge(histogram: Histogram) -> Histogram {
    histogram.with_hint(ResetHint::Gauge)
}

fn window(points: &Points<Histogram>, span: Span, width: i64) -> Window<'_> {
    let Span { low, high, end, .. } = span;
    let starts = points.starts.get(low..high).unwrap_or_default();
    Window {
        times: &points.times[low..high],
        values: &points.values[low..high],
        starts,
        start: end.saturating_sub(width),
        end,
    }
}

enum Outcome {
    Nothing,
    Float(f64),
    Histogram(Histogram),
}

fn of_window(function: &OverTime, window: Window<'_>, ranges: Ranges, notes: &Notes<'_, '_>) -> Outcome {
    let (first, last) = (0, window.values.len() - 1);
    let found = |histogram: Option<Histogram>| histogram.map_or(Outcome::Nothing, Outcome::Histogram);
    let time = |at: usize| Outcome::Float(window.times[at] as f64 / 1e3);
    match function {
        OverTime::Change(change) => found(extrapolated(*change, window, ranges, notes)),
        OverTime::Irate | OverTime::Idelta if last == 0 => Outcome::Nothing,
        OverTime::Irate | OverTime::Idelta => {
            found(last_two(window.at(last - 1), window.at(last), *function == OverTime::Irate, notes))
        }
        OverTime::Sum => found(sum(window.values, notes)),
        OverTime::Avg => found(mean(window.values, notes)),
        OverTime::First => Outcome::Histogram(window.values[first].clone()),
        OverTime::Last => Outcome::Histogram(window.values[last].clone()),
        OverTime::Count => Outcome::Float(window.values.len() as f64),
        OverTime::Present => Outcome::Float(1.0),
        OverTime::TimeOfFirst => time(first),
        OverTime::TimeOfLast => time(last),
        OverTime::Changes => {
            Outcome::Float((1..=last).filter(|&at| differs(&window.values[at - 1], &window.values[at])).count() as f64)
        }
        OverTime::Resets => {
            Outcome::Float((1..=last).filter(|&at| is_reset(window.at(at - 1), window.at(at))).count() as f64)
        }
        _ => Outcome::Nothing,
    }
}

/// A histogram, its time, and since when it counts.
pub(crate) type Dated<'w> = (&'w Histogram, i64, i64);

impl<'w> Window<'w> {
    pub(crate) fn at(&self, at: usize) -> Dated<'w> {
        (&self.values[at], self.times[at], self.starts.get(at).copied().unwrap_or(0))
    }
}

/// Whether a histogram's series has changed with it: a window of ours changes nothing where it has nothing.
pub(crate) fn differs(before: &Histogram, histogram: &Histogram) -> bool {
    if histogram.hint() == ResetHint::Delta {
        return histogram.count() != 0.0;
    }
    !histogram.is_same(before)
}

/// Whether counting began anew between two.
pub(crate) fn is_reset((before, t0, st0): Dated<'_>, (histogram, t1, st1): Dated<'_>) -> bool {
    if histogram.hint() == ResetHint::Delta {
        return false;
    }
    began_anew((st0, t0), (st1, t1)) || histogram.is_reset_after(before)
}

/// The difference between two neighbours, for a rate by the seconds between them.
pub(crate) fn last_two(before: Dated<'_>, last: Dated<'_>, is_rate: bool, notes: &Notes<'_, '_>) -> Option<Histogram> {
    let millis = last.1 - before.1;
    if millis == 0 {
        return None;
    }
    let hints = [before.0.hint(), last.0.hint()];
    if is_rate && hints.contains(&ResetHint::Gauge) {
        notes.not_counter();
    }
    if !is_rate && hints.iter().any(|hint| *hint != ResetHint::Gauge) {
        notes.not_gauge();
    }
    let mut histogram = last.0.clone();
    if histogram.hint() != ResetHint::Delta && !(is_rate && is_reset(before, last)) {
        notes.joined(histogram.minus(before.0), "subtraction")?;
    }
    if is_rate {
        histogram.scale(1e3 / millis as f64);
    }
    Some(turned_gauge(histogram))
}

fn sum(values: &[Histogram], notes: &Notes<'_, '_>) -> Option<Histogram> {
    let mut sum = HistogramSum::of(&values[0]);
    for value in &values[1..] {
        notes.joined(sum.add(value), "aggregation")?;
    }
    tell_collision(values, notes);
    Some(sum.total())
}

fn mean(values: &[Histogram], notes: &Notes<'_, '_>) -> Option<Histogram> {
    let mut mean = HistogramMean::of(&values[0]);
    for value in &values[1..] {
        notes.joined(mean.add(value), "aggregation")?;
    }
    tell_collision(values, notes);
    Some(mean.value())
}

fn tell_collision(values: &[Histogram], notes: &Notes<'_, '_>) {
    let has = |hint: ResetHint| values.iter().any(|value| value.hint() == hint);
    if has(ResetHint::Reset) && has(ResetHint::NotReset) {
        notes.collision("aggregation");
    }
}

/// What `rate`, `increase` and `delta` make of histograms that count on, with Prometheus' extrapolation to the borders.
fn extrapolated(change: Change, window: Window<'_>, ranges: Ranges, notes: &Notes<'_, '_>) -> Option<Histogram> {
    let is_counter = change != Change::Delta;
    let (gaps, first) = (window.values.len() - 1, &window.values[0]);
    let mut result = if gaps > 0 { Some(total_change(window, is_counter, notes)?) } else { None };
    let began = if is_counter { window.at(0).2 } else { 0 };
    let extent = Extent::of(window.times, (window.start, window.end), began);
    if extent.begins_within {
        match &mut result {
            None => result = Some(first.clone()),
            Some(result) => notes.joined(result.plus(first), "addition")?,
        }
    }
    let mut result = result?;
    let counter = is_counter.then(|| (first.count(), result.count()));
    result.scale(extent.factor(counter) / change.per(ranges));
    Some(result)
}

/// What was counted from the first histogram of a window to the last.
fn total_change(window: Window<'_>, is_counter: bool, notes: &Notes<'_, '_>) -> Option<Histogram> {
    let (values, last) = (window.values, window.values.len() - 1);
    // What the first one has does not matter where counting began anew right after it.
    let starts_anew = is_counter && is_reset(window.at(0), window.at(1));
    let has_own_bounds = values[usize::from(starts_anew)].has_own_bounds();
    let relevant = &values[usize::from(starts_anew)..];
    if is_counter && values.iter().any(|value| value.hint() == ResetHint::Gauge) {
        notes.not_counter();
    }
    let compared = if is_counter { relevant } else { &values[last..] };
    if compared.iter().any(|value| value.has_own_bounds() != has_own_bounds) {
        notes.incompatible();
        return None;
    }
    let mut change = values[last].clone();
    compared.iter().for_each(|value| change.come_down(value.resolution()));
    if !starts_anew {
        notes.joined(change.minus(&values[0]), "subtraction")?;
    }
    if !is_counter {
        if [&values[0], &values[last]].iter().any(|value| value.hint() != ResetHint::Gauge) {
            notes.not_gauge();
        }
        return Some(turned_gauge(change));
    }
    if (1..=last).any(|at| overlaps((window.at(at - 1).2, window.times[at - 1]), window.at(at).2)) {
        notes.overlap();
    }
    for at in 1 + usize::from(starts_anew)..=last {
        if is_reset(window.at(at - 1), window.at(at)) {
            notes.joined(change.plus(&values[at - 1]), "addition")?;
        }
    }
    Some(turned_gauge(change))
}

/// Whether a sample counts since a time at which the one before it was still counting.
pub(crate) fn overlaps((start_before, time_before): (i64, i64), start: i64) -> bool {
    start != 0 && start < time_before && start != start_before
}
