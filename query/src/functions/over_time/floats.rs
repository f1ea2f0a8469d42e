//! Functions over ranges of plain numbers: what each makes of a window.

use std::collections::VecDeque;

use crate::aggregate::quantile::{median_deviation, quantile};
use crate::aggregate::summation::{Mean, Spread, Sum, extreme};
use crate::budget::Budget;
use crate::functions::over_time::function::OverTime;
use crate::functions::over_time::rate::{extrapolated, idelta, irate};
use crate::functions::over_time::regression::{deriv, integral, predict, smooth};
use crate::read::samples::Ranges;
use crate::read::window::{Span, Window, over_windows, spans};
use crate::row::{ABSENT, Steps};

/// A value per step.
pub(crate) fn over_time(
    function: &OverTime,
    timestamps: &[i64],
    values: &[f64],
    ranges: Ranges,
    steps: Steps,
    budget: &Budget,
) -> Vec<f64> {
    let Ranges { view, width, resolution, .. } = ranges;
    let share = ranges.share();
    macro_rules! each {
        ($f:expr) => {
            over_windows(timestamps, values, view, width, bounded(budget, function.cost(), $f))
        };
    }
    match function {
        OverTime::Change(change) => extrapolated(*change, timestamps, values, ranges, budget),
        OverTime::Irate => each!(|w| irate(&w)),
        OverTime::Idelta => each!(|w| idelta(&w)),
        OverTime::Deriv => each!(|w| deriv(&w)),
        OverTime::Predict(ahead) => each!(|w| predict(&w, steps.at(w.step), ahead[w.step])),
        OverTime::Smooth(smoothing, trend) => each!(|w| smooth(&w, smoothing[w.step], trend[w.step])),
        OverTime::Changes => each!(|w| pairs(&w, |a, b| a != b && !(a.is_nan() && b.is_nan()))),
        OverTime::Resets => each!(|w| pairs(&w, |a, b| b < a)),
        OverTime::Sum => each!(|w| Sum::of(w.values).total() * share),
        OverTime::Avg => each!(|w| mean(w.values)),
        OverTime::Min => extremes(timestamps, values, ranges, budget, |kept, value| value < kept),
        OverTime::Max => extremes(timestamps, values, ranges, budget, |kept, value| value > kept),
        // A point of a coarser tier says how many samples it stands for.
        OverTime::Count if resolution > 0 => each!(|w| (Sum::of(w.values).total() * share).round()),
        OverTime::Count => each!(|w| w.values.len() as f64),
        OverTime::Stddev => each!(|w| Spread::of(w.values).variance().sqrt()),
        OverTime::Stdvar => each!(|w| Spread::of(w.values).variance()),
        OverTime::First => each!(|w| w.values[0]),
        OverTime::Last => each!(|w| w.values[w.values.len() - 1]),
        OverTime::Present => each!(|_| 1.0),
        OverTime::Quantile(phi) => {
            let mut sorted = Vec::new();
            each!(|w| {
                sorted.clear();
                sorted.extend_from_slice(w.values);
                quantile(phi[w.step], &mut sorted)
            })
        }
        OverTime::MedianDeviation => each!(|w| median_deviation(w.values)),
        OverTime::Integral(rules) => each!(|w| integral(&w, rules[w.step])),
        OverTime::TimeOfFirst => each!(|w| w.timestamps[0] as f64 / 1e3),
        OverTime::TimeOfLast => each!(|w| w.timestamps[w.timestamps.len() - 1] as f64 / 1e3),
        OverTime::TimeOfMin => each!(|w| w.timestamps[last_extreme_at(w.values, false)] as f64 / 1e3),
        OverTime::TimeOfMax => each!(|w| w.timestamps[last_extreme_at(w.values, true)] as f64 / 1e3),
    }
}

/// The same function until time is up: windows overlap, so the work is not bounded by the samples.
fn bounded(budget: &Budget, cost: usize, mut f: impl FnMut(Window<'_>) -> f64) -> impl FnMut(Window<'_>) -> f64 {
    move |window| if budget.is_over(window.values.len() * cost) { ABSENT } else { f(window) }
}

/// The number of neighbours that satisfy `differ`.
fn pairs(window: &Window<'_>, differ: impl Fn(f64, f64) -> bool) -> f64 {
    window.values.windows(2).filter(|pair| differ(pair[0], pair[1])).count() as f64
}

fn mean(values: &[f64]) -> f64 {
    let mut mean = Mean::default();
    values.iter().for_each(|&v| mean.add(v));
    mean.value()
}

/// The best value of each window, where NaN gives way to any number. Only those are looked at that no later one beats: windows
/// that overlap do not cost more than those that do not.
fn extremes(
    timestamps: &[i64],
    values: &[f64],
    ranges: Ranges,
    budget: &Budget,
    beats: impl Fn(f64, f64) -> bool,
) -> Vec<f64> {
    let mut unbeaten: VecDeque<usize> = VecDeque::new();
    let mut next = 0;
    let best = |Span { low, high, .. }: Span| {
        if budget.is_over(1 + high - next) {
            return ABSENT;
        }
        for at in next.max(low)..high {
            let gives_way = |kept: f64| beats(kept, values[at]) || kept.is_nan() && !values[at].is_nan();
            while unbeaten.pop_back_if(|kept| gives_way(values[*kept])).is_some() {}
            unbeaten.push_back(at);
        }
        next = high;
        while unbeaten.pop_front_if(|kept| *kept < low).is_some() {}
        unbeaten.front().map_or(ABSENT, |at| values[*at])
    };
    spans(timestamps, ranges.view, ranges.width).map(best).collect()
}

/// The index of the largest or smallest value; the first of equals.
fn extreme_at(values: &[f64], larger: bool) -> usize {
    let better = |best: usize, at: usize| extreme(values[best], values[at], larger).to_bits() != values[best].to_bits();
    (1..values.len()).fold(0, |best, at| if better(best, at) { at } else { best })
}

/// As [`extreme_at`], the last of equals.
fn last_extreme_at(values: &[f64], larger: bool) -> usize {
    let best = values[extreme_at(values, larger)];
    values.iter().rposition(|&v| v == best).unwrap_or(values.len() - 1)
}
