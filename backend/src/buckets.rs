//! Histograms as the counters that systems without native ones have: a `_bucket` for each bound, told apart by `le`.

use weir_sample::{Histogram, Kind, STALE};
use weir_store::Column;

use crate::counting::Counted;
use crate::request::Item;

/// Bounds if none are given, in whatever unit: three to a decade.
pub const BOUNDS: [f64; 25] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3,
    2.5e3, 5e3, 1e4, 2.5e4, 5e4, 1e5,
];

/// A counter for each bound and one for all. Those of histograms that came from elsewhere have `_count` and `_sum` too: what
/// agents measure has these as series of their own.
pub(crate) fn items(counted: &Counted, bounds: &[f64]) -> Vec<Item> {
    let of = |name: &str, le: Option<String>, value: &dyn Fn(&Histogram) -> f64| {
        let mut series = counted.series.with_name(&format!("{}{name}", counted.series.name()));
        if let Some(le) = le {
            series = series.with_label("le", &le);
        }
        let told = |sum: &Histogram| if is_end(sum) { STALE } else { value(sum) };
        let values = Column::Floats(counted.sums.iter().map(told).collect());
        Item { series, kind: Kind::Counter, times: counted.times.clone(), values }
    };
    let mut items: Vec<Item> =
        bounds.iter().map(|bound| of("_bucket", Some(bound.to_string()), &|sum| sum.count_at_most(*bound))).collect();
    items.push(of("_bucket", Some("+Inf".into()), &Histogram::count));
    if counted.is_received {
        items.extend([of("_count", None, &Histogram::count), of("_sum", None, &Histogram::sum)]);
    }
    items
}

/// Whether it says only that its series has ended.
fn is_end(histogram: &Histogram) -> bool {
    histogram.sum().to_bits() == STALE.to_bits()
}

#[cfg(test)]
mod tests {
    use weir_sample::{ResetHint, Series};

    use super::*;

    #[test]
    fn each_bound_has_what_is_at_most_that() {
        let mut sum = Histogram::new();
        [0.5, 1.0, 2.0, -1.0].iter().for_each(|value| sum.insert(*value));
        let ended = Histogram::new().parts();
        let ended = weir_sample::Parts { sum: STALE, hint: ResetHint::Unknown, ..ended }.histogram().unwrap();
        let counted = |is_received| Counted {
            series: Series::new("d", [("host", "a")]),
            times: vec![1, 2],
            sums: vec![sum.clone(), ended.clone()],
            is_received,
        };
        let made = items(&counted(false), &[0.25, 1.0]);
        let told: Vec<_> = made.iter().map(|item| (item.series.to_string(), item.floats().next().unwrap().1)).collect();
        let of = |le: &str, count| (format!("d_bucket{{host=\"a\",le=\"{le}\"}}"), count);
        assert_eq!(told, [of("0.25", 1.0), of("1", 3.0), of("+Inf", 4.0)]);
        assert!(made.iter().all(|item| item.floats().last().unwrap().1.to_bits() == STALE.to_bits()));
        let names: Vec<_> = items(&counted(true), &[]).iter().map(|item| item.series.name().to_owned()).collect();
        assert_eq!(names, ["d_bucket", "d_count", "d_sum"]);
        assert!(BOUNDS.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
