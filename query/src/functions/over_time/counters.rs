//! Rates of floats that say since when they count.

use crate::functions::over_time::function::OverTime;
use crate::functions::over_time::histograms::overlaps;
use crate::functions::over_time::rate::{Change, Extent};
use crate::notes::Notes;
use crate::read::between::began_anew;
use crate::read::samples::{Points, Ranges};
use crate::read::window::{Span, spans};
use crate::row::ABSENT;

/// A value per step.
pub(crate) fn with_starts(
    function: &OverTime,
    points: &Points<f64>,
    ranges: Ranges,
    notes: &Notes<'_, '_>,
) -> Vec<f64> {
    let value = |span: Span| {
        let window = Window { points, span, start: span.end.saturating_sub(ranges.width) };
        match function {
            _ if span.low == span.high => ABSENT,
            OverTime::Change(change) => window.extrapolated(*change, ranges, notes),
            OverTime::Irate => window.irate(),
            _ => (span.low + 1..span.high).filter(|&at| window.is_reset(at)).count() as f64,
        }
    };
    spans(&points.times, ranges.view, ranges.width).map(value).collect()
}

struct Window<'p> {
    points: &'p Points<f64>,
    span: Span,
    start: i64,
}

impl Window<'_> {
    fn dated(&self, at: usize) -> (i64, i64) {
        (self.points.start(at), self.points.times[at])
    }

    /// Whether counting began anew with a sample.
    fn is_reset(&self, at: usize) -> bool {
        self.points.values[at] < self.points.values[at - 1] || began_anew(self.dated(at - 1), self.dated(at))
    }

    fn irate(&self) -> f64 {
        let last = self.span.high - 1;
        if last == self.span.low {
            return ABSENT;
        }
        let Points { times, values, .. } = self.points;
        let change = if self.is_reset(last) { values[last] } else { values[last] - values[last - 1] };
        if times[last] == times[last - 1] { ABSENT } else { change * 1e3 / (times[last] - times[last - 1]) as f64 }
    }

    fn extrapolated(&self, change: Change, ranges: Ranges, notes: &Notes<'_, '_>) -> f64 {
        let Points { times, values, .. } = self.points;
        let (low, last) = (self.span.low, self.span.high - 1);
        let mut counted = values[last] - values[low];
        for at in low + 1..=last {
            if self.is_reset(at) {
                counted += values[at - 1];
            }
        }
        if (low + 1..=last).any(|at| overlaps(self.dated(at - 1), self.points.start(at))) {
            notes.overlap();
        }
        let extent = Extent::of(&times[low..=last], (self.start, self.span.end), self.points.start(low));
        if extent.begins_within {
            counted += values[low];
        } else if last == low {
            return ABSENT;
        }
        counted * extent.factor(Some((values[low], counted))) / change.per(ranges)
    }
}
