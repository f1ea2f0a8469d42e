use super::*;
use crate::head::placing::{Place, Placed};
use proptest::prelude::*;

const SECOND: i64 = 1_000;

/// Two counters, then two gauges.
fn group() -> Group {
    let mut group = Group::new(0);
    group.widen(&[(0, Kind::Counter), (1, Kind::Counter), (2, Kind::Gauge), (3, Kind::Gauge)]);
    group
}

/// Appends a row of a window of ten.
fn append(group: &mut Group, time: i64, spans: &[Span], floats: &[f64]) -> Appended {
    group.append(time, time - 10, spans, floats)
}

fn spans(count: u8) -> [Span; 1] {
    [Span { position: 0, column: 0, count }]
}

fn check(group: &Group, column: usize, expected: &[(i64, f64)]) {
    let samples = group.read(column, i64::MIN, i64::MAX).unwrap();
    let got: Vec<_> = samples.times.iter().copied().zip(samples.values).collect();
    assert_eq!(got, expected, "column {column}");
}

const NONE: f64 = f64::NAN;

#[test]
fn counters_start_at_zero_and_add_up() {
    let mut group = group();
    for i in 1..=20 {
        append(&mut group, i * 10, &spans(4), &[1.0, if i == 5 { 2.0 } else { NONE }, 7.0, NONE]);
    }
    let ones: Vec<_> = (0..=20).map(|i| (i * 10, i as f64)).collect();
    check(&group, 0, &ones);
    check(&group, 1, &[(40, 0.0), (50, 2.0)]);
    check(&group, 3, &[]);
}

#[test]
fn slices_of_one_window_share_a_row() {
    let mut group = group();
    let done = append(&mut group, 10, &spans(4), &[1.0, NONE, 5.0, NONE]);
    assert_eq!(done, Appended { samples: 2, ..Appended::default() });
    append(&mut group, 20, &spans(4), &[1.0, NONE, 6.0, NONE]);
    let done = append(&mut group, 10, &spans(4), &[NONE, 3.0, NONE, 9.0]);
    assert_eq!(done, Appended { samples: 2, ..Appended::default() });
    append(&mut group, 20, &spans(4), &[NONE, 4.0, NONE, 8.0]);
    check(&group, 0, &[(0, 0.0), (10, 1.0), (20, 2.0)]);
    check(&group, 1, &[(0, 0.0), (10, 3.0), (20, 7.0)]);
    check(&group, 3, &[(10, 9.0), (20, 8.0)]);
}

#[test]
fn late_deltas_amend_the_newest_sample() {
    let mut group = group();
    for time in [10, 20, 30] {
        append(&mut group, time, &spans(1), &[1.0]);
    }
    let done = append(&mut group, 15, &spans(1), &[5.0]);
    assert_eq!(done, Appended { late_deltas: 1, ..Appended::default() });
    check(&group, 0, &[(0, 0.0), (10, 1.0), (20, 2.0), (30, 8.0)]);
    group.close_segment(0);
    append(&mut group, 30, &spans(1), &[1.0]);
    check(&group, 0, &[(0, 0.0), (10, 1.0), (20, 2.0), (30, 9.0)]);
    append(&mut group, 40, &spans(1), &[1.0]);
    check(&group, 0, &[(0, 0.0), (10, 1.0), (20, 2.0), (30, 9.0), (40, 10.0)]);
}

#[test]
fn late_gauges_keep_their_time_and_the_last_arrival_stands() {
    let mut group = group();
    let at = [Span { position: 0, column: 2, count: 1 }];
    for time in 1..=12 {
        append(&mut group, time * 10, &at, &[time as f64]);
    }
    append(&mut group, 15, &at, &[1.5]);
    append(&mut group, 20, &at, &[-2.0]);
    let done = append(&mut group, 110, &at, &[-11.0]);
    assert_eq!(done.samples, 1);
    let got = group.read(2, 10, 30).unwrap();
    assert_eq!((got.times, got.values), (vec![10, 15, 20, 30], vec![1.0, 1.5, -2.0, 3.0]));
    assert_eq!(group.read(2, 110, 110).unwrap().values, [-11.0]);
}

#[test]
fn columns_can_be_added_at_any_time() {
    let mut group = group();
    append(&mut group, 10, &spans(4), &[1.0, 1.0, 1.0, 1.0]);
    group.widen(&[(4, Kind::Gauge), (5, Kind::Counter)]);
    append(&mut group, 20, &spans(6), &[1.0, 1.0, 2.0, 2.0, 3.0, 4.0]);
    group.close_segment(0);
    group.widen(&[(6, Kind::Gauge)]);
    append(&mut group, 30, &spans(7), &[1.0; 7]);
    check(&group, 0, &[(0, 0.0), (10, 1.0), (20, 2.0), (30, 3.0)]);
    check(&group, 4, &[(20, 3.0), (30, 1.0)]);
    check(&group, 5, &[(10, 0.0), (20, 4.0), (30, 5.0)]);
    check(&group, 6, &[(30, 1.0)]);
}

#[test]
fn a_gauge_ends_with_a_mark_and_a_counter_does_not() {
    let mut group = group();
    append(&mut group, 10, &spans(4), &[1.0, NONE, 7.0, NONE]);
    append(&mut group, 20, &spans(4), &[STALE, STALE, STALE, NONE]);
    append(&mut group, 15, &spans(4), &[STALE, NONE, STALE, NONE]);
    append(&mut group, 30, &spans(4), &[2.0, NONE, NONE, NONE]);
    check(&group, 0, &[(0, 0.0), (10, 1.0), (30, 3.0)]);
    check(&group, 1, &[]);
    let ended = group.read(2, i64::MIN, i64::MAX).unwrap();
    let bits: Vec<_> = ended.times.iter().copied().zip(ended.values.iter().map(|value| value.to_bits())).collect();
    assert_eq!(bits, [(10, 7f64.to_bits()), (15, STALE.to_bits()), (20, STALE.to_bits())]);
}

#[test]
fn values_keep_their_bits() {
    let mut group = group();
    let odd = [-0.0, f64::INFINITY, f64::from_bits(0x7ff0_0000_0000_0002), f64::NAN, 5e-324, 0.1 + 0.2];
    for (i, &value) in odd.iter().cycle().take(40).enumerate() {
        let place = Place { group: 0, generation: 0, column: 2 };
        let sample = Placed { place, series: 0, time: i as i64 * SECOND, value };
        group.set_all(&[sample], &mut Appended::default());
    }
    let bits: Vec<u64> = group.read(2, i64::MIN, i64::MAX).unwrap().values.iter().map(|v| v.to_bits()).collect();
    assert_eq!(bits, odd.iter().cycle().take(40).map(|v| v.to_bits()).collect::<Vec<_>>());
}

proptest! {
    /// Gauges against a map; counters against their sum.
    #[test]
    fn nothing_is_lost(rows in prop::collection::vec((0..60i64, prop::collection::vec(prop::option::of(0..1000u32), 4)), 1..80)) {
        let mut group = group();
        let (mut sums, mut gauges) = ([0.0; 2], [BTreeMap::new(), BTreeMap::new()]);
        for (time, row) in &rows {
            let floats: Vec<f64> = row.iter().map(|v| v.map_or(NONE, |v| f64::from(v) / 100.0)).collect();
            append(&mut group, time * 10, &spans(4), &floats);
            for (column, value) in row.iter().enumerate().filter_map(|(c, v)| v.map(|v| (c, f64::from(v) / 100.0))) {
                match column {
                    0 | 1 => sums[column] += value,
                    _ => drop(gauges[column - 2].insert(time * 10, value)),
                }
            }
        }
        for (column, gauge) in gauges.iter().enumerate() {
            check(&group, column + 2, &gauge.iter().map(|(t, v)| (*t, *v)).collect::<Vec<_>>());
        }
        for (column, &sum) in sums.iter().enumerate() {
            let samples = group.read(column, i64::MIN, i64::MAX).unwrap();
            prop_assert!(samples.times.is_sorted_by(|a, b| a < b));
            let last = samples.values.last().copied().unwrap_or(0.0);
            prop_assert!((last - sum).abs() < 1e-6, "{last} for {sum}");
        }
    }
}
