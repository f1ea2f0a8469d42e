//! What holds of every histogram, however it came about.

use proptest::prelude::*;

use super::*;

fn histogram_of(values: &[f64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|&value| histogram.insert(value));
    histogram
}

fn back(histogram: &Histogram) -> Histogram {
    let mut out = Vec::new();
    histogram.encode(&mut out);
    let mut input = &out[..];
    let back = Histogram::decode(&mut input).unwrap();
    assert!(input.is_empty());
    back
}

/// Values of all sizes, so that scales come down.
fn anything() -> impl Strategy<Value = f64> {
    prop_oneof![-1e3..1e9_f64, -1.0..1.0_f64, (-300..300_i32).prop_map(|power| 10_f64.powi(power)), Just(0.0)]
}

proptest! {
    #[test]
    fn quantiles_are_within_the_bucket_of_the_exact_value(mut values in prop::collection::vec(-1e6..1e6f64, 1..300), q in 0.0..=1.0f64) {
        let histogram = histogram_of(&values);
        values.sort_by(f64::total_cmp);
        let rank = (q * values.len() as f64).ceil().max(1.0) as usize - 1;
        let (exact, got) = (values[rank], histogram.quantile(q));
        let near = [rank.saturating_sub(1), rank, (rank + 1).min(values.len() - 1)].map(|at| (got - values[at]).abs() / values[at].abs());
        prop_assert!(near.into_iter().any(|off| off <= 0.0109), "{got} for {exact}");
    }

    #[test]
    fn merges_in_any_order_and_grouping_are_the_same(parts in prop::collection::vec(prop::collection::vec(anything(), 0..20), 1..6), turn in 0..6usize) {
        let histograms: Vec<_> = parts.iter().map(|values| histogram_of(values)).collect();
        let merged = |order: &mut dyn Iterator<Item = &Histogram>| order.fold(Histogram::new(), |mut all, one| { all.merge(one); all });
        let turn = turn % histograms.len();
        let (low, high) = (merged(&mut histograms[..turn].iter()), merged(&mut histograms[turn..].iter().rev()));
        let one = merged(&mut [high, low].iter());
        let at_once = histogram_of(&parts.concat());
        let other = merged(&mut histograms.iter());
        for (one, other) in [(&one, &other), (&other, &at_once)] {
            prop_assert_eq!(one.buckets().collect::<Vec<_>>(), other.buckets().collect::<Vec<_>>());
            prop_assert_eq!((one.scale, one.count(), one.zero), (other.scale, other.count(), other.zero));
            prop_assert!(one.min() == other.min() && one.max() == other.max() || one.count() == 0.0);
        }
    }

    #[test]
    fn what_was_observed_since_is_what_was_added(before in prop::collection::vec(-50..50i32, 0..40), more in prop::collection::vec(-50..50i32, 0..40), coarser in 0..3i8) {
        let floats = |values: &[i32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        let (before, more) = (floats(&before), floats(&more));
        let mut whole = histogram_of(&[before.clone(), more.clone()].concat()).with_hint(ResetHint::Unknown);
        // The process may have come down in between.
        whole.come_down(MAX_SCALE - coarser);
        let mut expected = histogram_of(&more);
        expected.come_down(MAX_SCALE - coarser);
        let delta = whole.observed_since(&histogram_of(&before).with_hint(ResetHint::Unknown));
        prop_assert!(delta.is_same(&expected), "{delta:?} {expected:?}");
        prop_assert_eq!(delta.hint(), ResetHint::Delta);
        // One that began anew has all that it has from there.
        let anew = histogram_of(&more).with_hint(ResetHint::Reset);
        prop_assert!(anew.observed_since(&whole).is_same(&histogram_of(&more)));
    }

    #[test]
    fn what_is_written_is_read(values in prop::collection::vec((anything(), prop_oneof![Just(1.0), 1.0..9.0f64, Just(2.5)]), 0..60), nothing in 0..2usize) {
        let mut histogram = Histogram::new();
        values.iter().for_each(|&(value, weight)| histogram.insert_weighted(value, weight));
        (0..nothing).for_each(|_| histogram.insert(f64::NAN));
        let back = back(&histogram);
        prop_assert_eq!(back.buckets().collect::<Vec<_>>(), histogram.buckets().collect::<Vec<_>>());
        let close = |a: f64, b: f64| a.to_bits() == b.to_bits();
        prop_assert!(nothing > 0 || close(back.count(), histogram.count()));
        prop_assert!((back.count() - histogram.count()).abs() <= 1e-9 * histogram.count());
        let totals = |histogram: &Histogram| [histogram.sum(), histogram.min(), histogram.max()];
        prop_assert!(totals(&back).into_iter().zip(totals(&histogram)).all(|(a, b)| close(a, b) || a.is_nan() && b.is_nan()));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        if let Some(histogram) = Histogram::decode(&mut &bytes[..]) {
            let (one, _) = (histogram.quantile(0.3), histogram.variance());
            prop_assert!(one.is_nan() || histogram.count() > 0.0);
            let mut twice = histogram.clone();
            twice.merge(&histogram);
            twice.merge(&histogram_of(&[1e-9, -3.0]));
        }
    }

    #[test]
    fn halves_make_the_whole(values in prop::collection::vec(anything(), 0..60)) {
        let histogram = histogram_of(&values);
        if let Some([mut low, high]) = histogram.halves() {
            low.merge(&high);
            prop_assert_eq!(low, histogram);
        }
    }
}

#[test]
fn a_histogram_comes_down_only_past_its_most_buckets() {
    let base = |index: i32| scale::border(index, MAX_SCALE);
    let mut histogram = histogram_of(&[base(1)]);
    histogram.insert(base(2_048));
    assert_eq!(histogram.resolution(), 6);
    histogram.insert(base(2_049));
    assert_eq!(histogram.resolution(), 5);
    // The other sign counts for itself.
    histogram.insert(-base(1));
    assert_eq!(histogram.resolution(), 5);
    histogram.insert(-base(4_098));
    assert_eq!(histogram.resolution(), 4);
    histogram.insert(f64::MAX);
    assert_eq!(histogram.resolution(), 1);
    histogram.insert(f64::from_bits(1));
    assert_eq!((histogram.resolution(), histogram.zero), (1, 1.0), "the smallest are zero");
    histogram.insert(1e-30);
    assert_eq!(histogram.resolution(), 0);
}

#[test]
fn odd_observations_count_as_prometheus_counts_them() {
    let mut histogram = histogram_of(&[1.0, -2.0, 0.0, f64::INFINITY]);
    assert_eq!((histogram.count(), histogram.min(), histogram.max()), (4.0, -2.0, f64::INFINITY));
    assert_eq!(histogram.sum(), f64::INFINITY);
    histogram.insert(f64::NAN);
    assert_eq!((histogram.count(), histogram.min()), (5.0, -2.0));
    assert!(histogram.sum().is_nan());
    assert_eq!(histogram.buckets().map(|bucket| bucket.count).sum::<f64>(), 4.0);
    assert!(histogram.quantile(0.9).is_nan(), "what is no number is above all others");
    assert_eq!(histogram.quantile(0.0), -2.0);
    let mut only = histogram_of(&[f64::NAN]);
    assert!(only.min().is_nan() && only.quantile(0.5).is_nan());
    only.insert(3.0);
    assert_eq!((only.min(), only.max()), (3.0, 3.0));
    only.insert_weighted(9.0, 0.0);
    only.insert_weighted(9.0, f64::NAN);
    assert_eq!(only.count(), 2.0);
}

#[test]
fn thresholds_that_differ_become_the_wider() {
    let mut fine = histogram_of(&[0.1, 0.3, 1.0, -0.2]);
    let coarse =
        Histogram { zero_threshold: 0.25, zero: 2.0, count: 2.0, min: f64::NAN, max: f64::NAN, ..Histogram::new() };
    fine.merge(&coarse);
    assert_eq!((fine.zero, fine.count(), fine.zero_threshold), (4.0, 6.0, 0.25));
    assert!(fine.min().is_nan(), "of one part it is not known");
    // A bucket that the threshold cuts goes as a whole, and takes the threshold along.
    let mut cut = histogram_of(&[0.3, 1.0]);
    cut.merge(&Histogram { zero_threshold: 0.3, zero: 1.0, count: 1.0, ..Histogram::new() });
    assert_eq!((cut.zero, cut.buckets().count()), (2.0, 2));
    assert_eq!(cut.zero_threshold, scale::border(scale::index(0.3, 6), 6));
}

#[test]
fn quantiles_interpolate_and_stay_between_the_smallest_and_the_largest() {
    let histogram = histogram_of(&[10.0; 7]);
    for q in [0.0, 0.1, 0.5, 0.99, 1.0] {
        assert_eq!(histogram.quantile(q), 10.0);
    }
    let mut two = histogram_of(&[1.5, 1.5, 3.0, 3.0]);
    two.come_down(0);
    (two.min, two.max) = (f64::NAN, f64::NAN);
    // (1, 2] and (2, 4] on logarithmic scales.
    assert_eq!([0.25, 0.5, 0.75].map(|q| two.quantile(q)), [2_f64.sqrt(), 2.0, 8_f64.sqrt()]);
    assert_eq!([2.0, 8_f64.sqrt(), 9.0].map(|bound| two.count_at_most(bound)), [2.0, 3.0, 4.0]);
    assert!(Histogram::new().quantile(0.5).is_nan());
    assert_eq!((two.quantile(-0.1), two.quantile(1.1)), (f64::NEG_INFINITY, f64::INFINITY));
}

#[test]
fn what_an_earlier_version_kept_is_off_by_its_error_and_ours() {
    let gamma: f64 = 1.01 / 0.99;
    for value in [1e-9_f64, 0.7, 3.0, 123.456, 1e12] {
        let bin = (value.ln() / gamma.ln()).ceil() as i32;
        let old = OldHistogram {
            positive: vec![(bin, 2.0)],
            negative: vec![(bin, 1.0)],
            zero: 0.0,
            count: 3.0,
            sum: value,
            min: -value * 1.5,
            max: value * 1.5,
        };
        let histogram = old.histogram().unwrap();
        assert_eq!((histogram.count(), histogram.sum(), histogram.max()), (3.0, value, value * 1.5));
        for bucket in histogram.buckets() {
            assert!(((bucket.lower * bucket.upper).sqrt() / value - 1.0).abs() < 0.016, "{value}: {bucket:?}");
        }
    }
    let wrong = OldHistogram { positive: vec![(3, 1.0), (3, 1.0)], count: 2.0, ..OldHistogram::default() };
    assert_eq!(wrong.histogram(), None);
}
