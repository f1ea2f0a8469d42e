//! Stretches that cannot be read because what holds them is damaged, and the coarser points that stand for them.

use std::collections::BTreeSet;

use crate::tier::points::Points;
use crate::tier::run::Run;
use crate::{Column, Hint, Tier};

/// A stretch of a tier that an answer lacks, or has from a coarser tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hole {
    /// The tier whose file is damaged.
    pub tier: Tier,
    /// First instant, in milliseconds.
    pub start: i64,
    /// Last instant.
    pub end: i64,
}

/// First and last instant of a stretch.
pub(super) type Span = (i64, i64);

/// Stretches of one tier that overlap, as one: pages of a block have nearly the same.
pub(super) fn joined(holes: &BTreeSet<Hole>) -> Vec<Hole> {
    let mut joined: Vec<Hole> = Vec::new();
    for hole in holes {
        match joined.last_mut() {
            Some(last) if last.tier == hole.tier && hole.start <= last.end => last.end = last.end.max(hole.end),
            _ => joined.push(*hole),
        }
    }
    joined
}

/// Whether a point stands for a stretch, or a part of one, that is damaged.
fn is_wanted(holes: &[Span], point: i64, resolution: i64) -> bool {
    holes.iter().any(|&(start, end)| start <= point && point.saturating_sub(resolution) < end)
}

/// Whether nothing is known of a point's stretch.
fn is_empty(times: &[i64], point: i64, resolution: i64) -> bool {
    let after = |instant: i64| times.partition_point(|&time| time <= instant);
    after(point.saturating_sub(resolution)) == after(point)
}

/// The use of points that stand beside samples as they came: a counter's total, one value for what was counted.
pub(super) const fn beside_samples(hint: Hint) -> Hint {
    match hint {
        Hint::Increase | Hint::Count | Hint::Extremes => Hint::Raw,
        other => other,
    }
}

/// Puts points where samples are damaged. Whether it put any.
pub(super) fn fill_run(run: &mut Run, points: Points, resolution: i64, holes: &[Span], hint: Hint) -> bool {
    let from = points.read(beside_samples(hint));
    let fits = |time: &i64| is_wanted(holes, *time, resolution) && is_empty(&run.times, *time, resolution);
    let kept: Vec<usize> = (0..from.times.len()).filter(|&at| fits(&from.times[at])).collect();
    let times: Vec<i64> = kept.iter().map(|&at| from.times[at]).collect();
    let values = match from.values {
        Column::Floats(values) => Column::Floats(kept.iter().map(|&at| values[at]).collect()),
        Column::Histograms(values) => Column::Histograms(kept.iter().map(|&at| values[at].clone()).collect()),
    };
    let any = !times.is_empty();
    if any {
        run.lay(Run { times, values });
    }
    any
}

/// Puts coarser points where points are damaged. Whether it put any.
pub(super) fn fill_points(points: &mut Points, coarser: Points, resolution: i64, holes: &[Span]) -> bool {
    let mut any = false;
    for point in coarser.into_single() {
        let time = point.times.first().copied();
        let fits = |time: i64| is_wanted(holes, time, resolution) && is_empty(&points.times, time, resolution);
        if time.is_some_and(fits) {
            points.lay(point);
            any = true;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use weir_sample::Kind;

    use super::*;

    #[test]
    fn stretches_that_overlap_are_told_as_one() {
        let hole = |tier, start, end| Hole { tier, start, end };
        let raw = |start, end| hole(Tier::Raw, start, end);
        let found = BTreeSet::from([raw(5, 9), raw(1, 5), raw(2, 3), raw(20, 30), hole(Tier::Minute, 0, 40)]);
        assert_eq!(joined(&found), [raw(1, 9), raw(20, 30), hole(Tier::Minute, 0, 40)]);
    }

    #[test]
    fn points_stand_only_where_samples_are_damaged_and_missing() {
        let run = |times: &[i64]| Run {
            times: times.to_vec(),
            values: Column::Floats(times.iter().map(|&time| time as f64).collect()),
        };
        let points = Points::of(Kind::Gauge, &run(&[50, 110, 170, 230, 290]), 60);
        let mut samples = run(&[50, 230]);
        assert!(fill_run(&mut samples, points.clone(), 60, &[(100, 200)], Hint::Raw));
        assert_eq!(samples.times, [50, 120, 180, 230], "not the hole at 290, which nothing damaged");
        assert_eq!(samples.values, Column::Floats(vec![50.0, 110.0, 170.0, 230.0]));
        let mut minutes = Points::of(Kind::Gauge, &run(&[50, 290]), 60);
        assert!(!fill_points(&mut minutes, Points::of(Kind::Gauge, &run(&[50]), 300), 300, &[(60, 240)]));
        assert!(fill_points(&mut minutes, points, 60, &[(60, 240)]));
        assert_eq!(minutes.times, [60, 120, 180, 240, 300]);
    }
}
