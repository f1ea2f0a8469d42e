//! Points: what is kept of the samples of one series in each minute or hour.
//!
//! A point stands at the end of its stretch. A counter's has its last total and what resets have taken from it; a
//! gauge's has count, sum, smallest, largest and last; a distribution's is the merge of its windows, or the last
//! histogram where these count on.

use weir_sample::{Histogram, Kind, ResetHint};

use crate::codec::frame;
use crate::tier::run::Run;
use crate::{Column, Hint};

/// Points of one series in rising order of time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Points {
    pub times: Vec<i64>,
    pub columns: Columns,
}

/// The parts of points, column by column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Columns {
    Counter {
        /// Total ahead of the first point's growth: its first sample.
        first: f64,
        /// Samples, last total, and the totals that resets ended since the point before.
        points: [Vec<f64>; 3],
    },
    /// Samples, sum, smallest, largest, last.
    Gauge([Vec<f64>; 5]),
    Distribution(Vec<Histogram>),
}

/// Columns of a counter.
const COUNT: usize = 0;
const TOTAL: usize = 1;
const RESETS: usize = 2;
/// Columns of a gauge; the first is `COUNT`.
pub(super) const SUM: usize = 1;
pub(super) const MIN: usize = 2;
pub(super) const MAX: usize = 3;
pub(super) const LAST: usize = 4;

/// End of the stretch that an instant falls in.
pub(crate) const fn stretch_end(time: i64, resolution: i64) -> i64 {
    time.saturating_add((resolution - time.rem_euclid(resolution)) % resolution)
}

impl Points {
    /// Works the points out of samples.
    pub(crate) fn of(kind: Kind, run: &Run, resolution: i64) -> Self {
        let mut points = Self { times: Vec::new(), columns: Columns::empty(kind) };
        let (mut at, mut decimals) = (0, 0);
        while let Some(&first) = run.times.get(at) {
            // One division for a stretch, not two for each of its samples.
            let end = stretch_end(first, resolution);
            let range = at..at + run.times[at..].iter().take_while(|&&time| time <= end).count();
            at = range.end;
            match (&mut points.columns, &run.values) {
                (Columns::Counter { first, points: columns }, Column::Floats(values)) => {
                    let before = range.start.checked_sub(1).map(|before| values[before]);
                    if before.is_none() {
                        *first = values[0];
                    }
                    counter(columns, before, &values[range]);
                }
                (Columns::Gauge(columns), Column::Floats(values)) => gauge(columns, &values[range], &mut decimals),
                (Columns::Distribution(histograms), Column::Histograms(values)) => {
                    histograms.push(point(range.start.checked_sub(1).map(|before| &values[before]), &values[range]))
                }
                _ => continue,
            }
            points.times.push(end);
        }
        points
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Lays points over that were worked out later. At the same time the later stands; it has seen all samples.
    pub(crate) fn lay(&mut self, mut over: Self) {
        let Some(&first) = over.times.first() else { return };
        if self.is_empty() || std::mem::discriminant(&self.columns) != std::mem::discriminant(&over.columns) {
            *self = over;
            return;
        }
        let before = self.times.partition_point(|&time| time < first);
        let rest = self.split_off(before);
        self.columns.meet(&mut over.columns);
        if rest.is_empty() {
            self.append(over);
            return;
        }
        let mut parts = [rest, over].map(|part| part.into_single().into_iter().peekable());
        let [rest, over] = &mut parts;
        loop {
            let (old, new) = (rest.peek().map(|point| point.times[0]), over.peek().map(|point| point.times[0]));
            let next = match (old, new) {
                (Some(old), Some(new)) if old < new => rest.next(),
                (Some(old), Some(new)) if old == new => {
                    rest.next();
                    over.next()
                }
                (_, Some(_)) => over.next(),
                _ => rest.next(),
            };
            match next {
                Some(point) => self.append(point),
                None => return,
            }
        }
    }

    fn split_off(&mut self, at: usize) -> Self {
        let times = self.times.split_off(at);
        let columns = match &mut self.columns {
            Columns::Counter { first, points } => {
                Columns::Counter { first: *first, points: points.each_mut().map(|column| split_off(column, at)) }
            }
            Columns::Gauge(points) => Columns::Gauge(points.each_mut().map(|column| split_off(column, at))),
            Columns::Distribution(histograms) => Columns::Distribution(histograms.split_off(at)),
        };
        Self { times, columns }
    }

    fn append(&mut self, mut next: Self) {
        self.times.append(&mut next.times);
        match (&mut self.columns, next.columns) {
            (Columns::Counter { points, .. }, Columns::Counter { points: mut next, .. }) => {
                points.iter_mut().zip(&mut next).for_each(|(column, next)| column.append(next));
            }
            (Columns::Gauge(points), Columns::Gauge(mut next)) => {
                points.iter_mut().zip(&mut next).for_each(|(column, next)| column.append(next));
            }
            (Columns::Distribution(histograms), Columns::Distribution(mut next)) => histograms.append(&mut next),
            _ => {}
        }
    }

    /// Each point alone.
    pub(crate) fn into_single(mut self) -> Vec<Self> {
        let mut singles: Vec<Self> = (1..self.times.len()).rev().map(|at| self.split_off(at)).collect();
        singles.push(self);
        singles.reverse();
        singles
    }

    /// The values for a reader with that purpose.
    pub(crate) fn read(self, hint: Hint) -> Run {
        let values = match self.columns {
            Columns::Distribution(histograms) => Column::Histograms(histograms),
            Columns::Counter { points: [counts, totals, resets], .. } => Column::Floats(match hint {
                Hint::Count => counts,
                Hint::Sum => totals.iter().zip(&counts).map(|(total, count)| total * count).collect(),
                Hint::Increase => totals
                    .iter()
                    .zip(&resets)
                    .scan(0.0, |ended, (total, reset)| {
                        *ended += reset;
                        Some(*ended + total)
                    })
                    .collect(),
                _ => totals,
            }),
            Columns::Gauge([counts, sums, smallest, largest, last]) => Column::Floats(match hint {
                Hint::Count => counts,
                Hint::Sum => sums,
                Hint::Min => smallest,
                Hint::Max => largest,
                Hint::Raw | Hint::Increase | Hint::Extremes => last,
            }),
        };
        Run { times: self.times, values }
    }
}

impl Columns {
    fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter { first: 0.0, points: Default::default() },
            Kind::Gauge | Kind::Set => Self::Gauge(Default::default()),
            Kind::Distribution => Self::Distribution(Vec::new()),
        }
    }

    /// Marks in the points to come whether a counter was reset between these and them.
    fn meet(&mut self, next: &mut Self) {
        let (Self::Counter { first, points }, Self::Counter { first: next_first, points: next }) = (self, next) else {
            return;
        };
        match points[TOTAL].last() {
            Some(last) if *next_first < *last => next[RESETS][0] += last,
            Some(_) => {}
            None => *first = *next_first,
        }
    }
}

/// Columns that were left out are empty.
fn split_off(column: &mut Vec<f64>, at: usize) -> Vec<f64> {
    column.split_off(at.min(column.len()))
}

fn counter(columns: &mut [Vec<f64>; 3], before: Option<f64>, values: &[f64]) {
    let (mut previous, mut resets) = (before.unwrap_or(values[0]), 0.0);
    for &value in values {
        if value < previous {
            resets += previous;
        }
        previous = value;
    }
    columns[COUNT].push(values.len() as f64);
    columns[TOTAL].push(previous);
    columns[RESETS].push(resets);
}

fn gauge(columns: &mut [Vec<f64>; 5], values: &[f64], decimals: &mut usize) {
    let numbers = || values.iter().copied().filter(|value| !value.is_nan());
    columns[COUNT].push(numbers().count() as f64);
    columns[SUM].push(sum(values, decimals));
    columns[MIN].push(numbers().fold(f64::NAN, f64::min));
    columns[MAX].push(numbers().fold(f64::NAN, f64::max));
    columns[LAST].push(values[values.len() - 1]);
}

/// Adds up. Decimals are added as integers: exact, and short to store. Tries the number of decimals that served before first.
fn sum(values: &[f64], decimals: &mut usize) -> f64 {
    let with = |decimals| {
        let sum = values.iter().try_fold(0i64, |sum, &value| Some(sum + frame::integer(value, decimals)?))?;
        (sum.unsigned_abs() < 1 << 53).then(|| frame::float(sum, decimals))
    };
    let exact = with(*decimals).or_else(|| {
        *decimals = frame::decimals_of(values.iter().copied())?;
        with(*decimals)
    });
    exact.unwrap_or_else(|| values.iter().filter(|value| !value.is_nan()).sum())
}

/// Of windows the merge; of what counts on the last, which says whether counting began anew in the stretch.
fn point(before: Option<&Histogram>, histograms: &[Histogram]) -> Histogram {
    let last = &histograms[histograms.len() - 1];
    match last.hint() {
        ResetHint::Delta => {}
        ResetHint::Gauge => return last.clone(),
        _ => {
            let all = || before.into_iter().chain(histograms);
            let is_reset = all().zip(all().skip(1)).any(|(before, next)| next.is_reset_after(before));
            return last.clone().with_hint(if is_reset { ResetHint::Reset } else { ResetHint::Unknown });
        }
    }
    let mut merged = histograms[0].clone();
    histograms[1..].iter().for_each(|histogram| merged.merge(histogram));
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, samples: &[(i64, f64)]) -> Points {
        let (times, values) = samples.iter().copied().unzip();
        Points::of(kind, &Run { times, values: Column::Floats(values) }, 60)
    }

    fn read(points: &Points, hint: Hint) -> Vec<(i64, f64)> {
        let run = points.clone().read(hint);
        let Column::Floats(values) = run.values else { panic!("not floats") };
        run.times.into_iter().zip(values).collect()
    }

    #[test]
    fn a_gauge_keeps_what_can_be_asked_of_it() {
        let points = of(Kind::Gauge, &[(1, 2.0), (30, 8.0), (60, 5.0), (61, 0.25)]);
        assert_eq!(read(&points, Hint::Min), [(60, 2.0), (120, 0.25)]);
        assert_eq!(read(&points, Hint::Max), [(60, 8.0), (120, 0.25)]);
        assert_eq!(read(&points, Hint::Sum), [(60, 15.0), (120, 0.25)]);
        assert_eq!(read(&points, Hint::Count), [(60, 3.0), (120, 1.0)]);
        assert_eq!(read(&points, Hint::Raw), [(60, 5.0), (120, 0.25)]);
    }

    #[test]
    fn a_counter_grows_across_resets_within_and_between_runs() {
        let whole = [(10, 5.0), (20, 9.0), (30, 1.0), (70, 4.0), (130, 2.0), (140, 3.0), (190, 1.0)];
        let all = of(Kind::Counter, &whole);
        assert_eq!(read(&all, Hint::Increase), [(60, 10.0), (120, 13.0), (180, 16.0), (240, 17.0)]);
        assert_eq!(read(&all, Hint::Raw), [(60, 1.0), (120, 4.0), (180, 3.0), (240, 1.0)]);
        for split in [3, 4, 6] {
            let mut joined = of(Kind::Counter, &whole[..split]);
            joined.lay(of(Kind::Counter, &whole[split..]));
            assert_eq!(read(&joined, Hint::Increase), read(&all, Hint::Increase), "{split}");
        }
    }

    #[test]
    fn what_was_worked_out_later_stands() {
        let mut points = of(Kind::Gauge, &[(10, 1.0), (70, 2.0), (190, 4.0)]);
        points.lay(of(Kind::Gauge, &[(70, 2.0), (80, 7.0), (130, 3.0)]));
        assert_eq!(read(&points, Hint::Max), [(60, 1.0), (120, 7.0), (180, 3.0), (240, 4.0)]);
    }

    #[test]
    fn decimals_add_up_without_a_tail() {
        for before in 0..6 {
            let sum = |values: &[f64]| sum(values, &mut before.clone());
            assert_eq!(sum(&[0.1, 0.2]).to_bits(), 0.3f64.to_bits());
            assert_eq!(sum(&[f64::NAN, 1e300]), 1e300);
            assert_eq!(sum(&[4e15, 4e15]), 8e15, "as far as integers are exact, whatever was before");
        }
    }
}
