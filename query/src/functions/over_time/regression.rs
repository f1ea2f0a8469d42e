//! `deriv`, `predict_linear`, smoothing and integrals: lines through the samples of a window.

use crate::aggregate::summation::Sum;
use crate::functions::over_time::function::Rule;
use crate::read::window::Window;
use crate::row::ABSENT;

/// The least-squares line through a window's samples: slope per second, and value at `origin` (milliseconds).
/// `None` for fewer than two samples.
fn line(window: &Window<'_>, origin: i64) -> Option<(f64, f64)> {
    let values = window.values;
    if values.len() < 2 {
        return None;
    }
    if values.iter().all(|&v| v == values[0]) {
        return Some(if values[0].is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, values[0]) });
    }
    let (mut sum_x, mut sum_y, mut sum_xy, mut sum_xx) =
        (Sum::default(), Sum::default(), Sum::default(), Sum::default());
    for (&time, &y) in window.timestamps.iter().zip(values) {
        let x = (time - origin) as f64 / 1e3;
        sum_x = sum_x.plus(x);
        sum_y = sum_y.plus(y);
        sum_xy = sum_xy.plus(x * y);
        sum_xx = sum_xx.plus(x * x);
    }
    let count = values.len() as f64;
    let [x, y, xy, xx] = [sum_x, sum_y, sum_xy, sum_xx].map(|sum| sum.sum + sum.lost);
    let slope = (xy - x * y / count) / (xx - x * x / count);
    Some((slope, y / count - slope * x / count))
}

/// `deriv`: change per second.
pub(crate) fn deriv(window: &Window<'_>) -> f64 {
    line(window, window.timestamps[0]).map_or(ABSENT, |(slope, _)| slope)
}

/// `predict_linear`: the value `ahead` seconds after `now` (milliseconds).
pub(crate) fn predict(window: &Window<'_>, now: i64, ahead: f64) -> f64 {
    line(window, now).map_or(ABSENT, |(slope, value)| slope * ahead + value)
}

/// `double_exponential_smoothing`: Holt's linear method with the given weights of new values and new trends.
pub(crate) fn smooth(window: &Window<'_>, smoothing: f64, trend: f64) -> f64 {
    let [first, second, ..] = *window.values else { return ABSENT };
    let (mut previous, mut level, mut slope) = (0.0, first, second - first);
    for (i, value) in window.values.iter().enumerate().skip(1) {
        if i > 1 {
            slope = trend * (level - previous) + (1.0 - trend) * slope;
        }
        (previous, level) = (level, smoothing * value + (1.0 - smoothing) * (level + slope));
    }
    level
}

/// `integral`: the area under the samples in seconds; what is no number counts as zero.
pub(crate) fn integral(window: &Window<'_>, rule: Rule) -> f64 {
    let value = |at: usize| if window.values[at].is_nan() { 0.0 } else { window.values[at] };
    let mut area = Sum::default();
    for at in 1..window.values.len() {
        let (before, after) = (value(at - 1), value(at));
        let seconds = (window.timestamps[at] - window.timestamps[at - 1]) as f64 / 1e3;
        let height = match rule {
            Rule::Left => Sum { sum: before, lost: 0.0 },
            Rule::Right => Sum { sum: after, lost: 0.0 },
            // Halved first where the sum would overflow.
            Rule::Trapezoid if (before + after).is_infinite() => Sum { sum: before / 2.0, lost: 0.0 }.plus(after / 2.0),
            Rule::Trapezoid => {
                let both = Sum { sum: before, lost: 0.0 }.plus(after);
                Sum { sum: both.sum / 2.0, lost: both.lost / 2.0 }
            }
        };
        area.lost += height.lost * seconds;
        area = area.plus(height.sum * seconds);
    }
    area.total()
}
