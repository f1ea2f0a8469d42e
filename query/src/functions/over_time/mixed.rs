//! Functions over ranges of a series that has both floats and histograms.

use weir_sample::Histogram;

use crate::functions::over_time::function::{Mixture, OverTime};
use crate::functions::over_time::histograms::last_two;
use crate::notes::Notes;
use crate::read::between::began_anew;
use crate::read::samples::{Points, Ranges, Samples};
use crate::read::window::spans;
use crate::row::{ABSENT, Row, is_present};

/// Brings together what a function makes of the floats alone and of the histograms alone.
pub(crate) fn combine(
    function: &OverTime,
    of_floats: Vec<f64>,
    row: &mut Row,
    samples: &Samples,
    ranges: Ranges,
    notes: &Notes<'_, '_>,
) {
    let (floats, histograms) = (&samples.floats, &samples.histograms);
    row.floats.resize(ranges.view.count, ABSENT);
    let of_histograms = spans(&histograms.times, ranges.view, ranges.width);
    for (f, h) in spans(&floats.times, ranges.view, ranges.width).zip(of_histograms) {
        let step = f.step;
        let alone = of_floats.get(step).copied().unwrap_or(ABSENT);
        if h.low == h.high {
            row.floats[step] = alone;
            continue;
        }
        if f.low == f.high {
            continue;
        }
        let take_floats = |row: &mut Row, take: bool| {
            if take {
                row.clear(step);
                row.floats[step] = alone;
            }
        };
        match function.mixture() {
            Mixture::Refused => {
                notes.mixed();
                row.clear(step);
            }
            Mixture::Earlier => take_floats(row, floats.times[f.low] < histograms.times[h.low]),
            Mixture::Later => take_floats(row, floats.times[f.high - 1] > histograms.times[h.high - 1]),
            Mixture::Added => row.floats[step] += alone,
            Mixture::FloatsAlone => {
                notes.ignored();
                take_floats(row, true);
            }
            Mixture::LastTwo | Mixture::InTurn => {
                row.clear(step);
                let turn = Turn::of((floats, f.low..f.high), (histograms, h.low..h.high));
                if function.mixture() == Mixture::InTurn {
                    row.floats[step] = turn.count(function) as f64;
                } else {
                    turn.last_two(row, step, *function == OverTime::Irate, notes);
                }
            }
        }
    }
}

enum Value<'v> {
    Float(f64),
    Histogram(&'v Histogram),
}

/// Samples of both kinds in rising order of time: value, time, and since when it counts.
pub(crate) struct Turn<'v>(Vec<(Value<'v>, i64, i64)>);

impl<'v> Turn<'v> {
    pub(crate) fn of(
        (floats, f): (&'v Points<f64>, std::ops::Range<usize>),
        (histograms, h): (&'v Points<Histogram>, std::ops::Range<usize>),
    ) -> Self {
        let float = |at: usize| (Value::Float(floats.values[at]), floats.times[at], floats.start(at));
        let histogram =
            |at: usize| (Value::Histogram(&histograms.values[at]), histograms.times[at], histograms.start(at));
        let mut all: Vec<_> = f.map(float).chain(h.map(histogram)).collect();
        all.sort_by_key(|(_, time, _)| *time);
        Self(all)
    }

    /// How often there was a change or a reset.
    pub(crate) fn count(&self, function: &OverTime) -> usize {
        let is_resets = *function == OverTime::Resets;
        let counts = |pair: &[(Value<'_>, i64, i64)]| {
            let [(before, t0, st0), (value, t1, st1)] = pair else { return false };
            match (before, value) {
                (Value::Float(before), Value::Float(value)) if is_resets => {
                    value < before || began_anew((*st0, *t0), (*st1, *t1))
                }
                (Value::Float(before), Value::Float(value)) => value != before && !(value.is_nan() && before.is_nan()),
                (Value::Histogram(before), Value::Histogram(value)) if is_resets => {
                    super::histograms::is_reset((before, *t0, *st0), (value, *t1, *st1))
                }
                (Value::Histogram(before), Value::Histogram(value)) => super::histograms::differs(before, value),
                _ => true,
            }
        };
        self.0.windows(2).filter(|pair| counts(pair)).count()
    }

    fn last_two(&self, row: &mut Row, step: usize, is_rate: bool, notes: &Notes<'_, '_>) {
        let [.., (before, t0, st0), (last, t1, st1)] = self.0.as_slice() else { return };
        match (before, last) {
            (Value::Float(before), Value::Float(last)) if t0 != t1 => {
                let anew = is_rate && (last < before || began_anew((*st0, *t0), (*st1, *t1)));
                let change = if anew { *last } else { last - before };
                row.floats[step] = if is_rate { change * 1e3 / (t1 - t0) as f64 } else { change };
            }
            (Value::Histogram(before), Value::Histogram(last)) => {
                row.histograms.resize(row.floats.len(), None);
                let change = last_two((before, *t0, *st0), (last, *t1, *st1), is_rate, notes);
                row.histograms[step] = change.map(Box::new);
            }
            (Value::Float(_), Value::Float(_)) => {}
            _ => notes.mixed(),
        }
        debug_assert!(!is_present(row.float(step)) || row.histogram(step).is_none());
    }
}
