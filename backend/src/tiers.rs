//! Points of a minute or an hour in place of samples, as the embedded store makes them.
//!
//! A counter's point is its last total. A gauge's are five series: its name has the last value, and `name:sum`, `name:min`, `name:max` and
//! `name:count` what a question over time needs. Colons are for names that rules make, so no question for the name meets them.

use weir_sample::{Kind, Series};
use weir_store::{Column, SeriesData, Tier};

use crate::request::Item;

/// What a gauge's points add to its name; whoever asks for them finds them by it.
pub mod parts {
    /// The sum of a stretch.
    pub const SUM: &str = ":sum";
    /// Its smallest value.
    pub const MIN: &str = ":min";
    /// Its largest.
    pub const MAX: &str = ":max";
    /// How many samples it has.
    pub const COUNT: &str = ":count";
    /// All of them.
    pub const ALL: [&str; 4] = [SUM, MIN, MAX, COUNT];
}

/// What is sent of a series of floats.
pub(crate) fn items(data: SeriesData, tier: Tier) -> Vec<Item> {
    let Column::Floats(values) = data.values else { return Vec::new() };
    let (series, kind, times) = (data.series, data.kind, data.timestamps);
    match tier {
        Tier::Raw => vec![Item { series, kind, times, values: Column::Floats(values) }],
        Tier::Minute | Tier::Hour => points(&series, kind, &stretches(&times, &values, tier.millis())),
    }
}

/// The end of the minute or hour that an instant is in.
pub(crate) const fn end_of(time: i64, resolution: i64) -> i64 {
    time.saturating_add((resolution - time.rem_euclid(resolution)) % resolution)
}

/// The values of each minute or hour, under its end.
fn stretches<'v>(times: &[i64], mut values: &'v [f64], resolution: i64) -> Vec<(i64, &'v [f64])> {
    let same = times.chunk_by(|a, b| end_of(*a, resolution) == end_of(*b, resolution));
    same.map(|same| {
        let (its, rest) = values.split_at(same.len());
        values = rest;
        (end_of(same[0], resolution), its)
    })
    .collect()
}

fn points(series: &Series, kind: Kind, stretches: &[(i64, &[f64])]) -> Vec<Item> {
    // A series that ends in a stretch has a staleness marker there.
    let last = part(series, kind, stretches, &|values| values[values.len() - 1]);
    if kind == Kind::Counter {
        return vec![last];
    }
    let numbers: Vec<Vec<f64>> =
        stretches.iter().map(|(_, values)| values.iter().copied().filter(|value| !value.is_nan()).collect()).collect();
    let ends = stretches.iter().map(|(end, _)| *end).zip(&numbers).filter(|(_, numbers)| !numbers.is_empty());
    let stretches: Vec<(i64, &[f64])> = ends.map(|(end, numbers)| (end, numbers.as_slice())).collect();
    if stretches.is_empty() {
        return vec![last];
    }
    let of = |name: &str, value: &dyn Fn(&[f64]) -> f64| {
        part(&series.with_name(&format!("{}{name}", series.name())), Kind::Gauge, &stretches, value)
    };
    vec![
        last,
        of(parts::SUM, &|values| values.iter().sum()),
        of(parts::MIN, &|values| values.iter().copied().fold(f64::INFINITY, f64::min)),
        of(parts::MAX, &|values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        of(parts::COUNT, &|values| values.len() as f64),
    ]
}

fn part(series: &Series, kind: Kind, stretches: &[(i64, &[f64])], value: &dyn Fn(&[f64]) -> f64) -> Item {
    let (times, values) = stretches.iter().map(|(end, values)| (*end, value(values))).unzip();
    Item { series: series.clone(), kind, times, values: Column::Floats(values) }
}

#[cfg(test)]
mod tests {
    use weir_sample::STALE;

    use super::*;
    use crate::request::tests::item;

    fn data(kind: Kind, samples: &[(i64, f64)]) -> SeriesData {
        let Item { series, times, values, .. } = item("m", &[("k", "v")], samples);
        SeriesData { series, kind, tier: Tier::Raw, timestamps: times, values, starts: Vec::new(), more: false }
    }

    fn floats(item: &Item) -> Vec<f64> {
        item.floats().map(|(_, value)| value).collect()
    }

    #[test]
    fn a_series_that_ends_has_a_marker_and_no_number_of_it() {
        let ended = [(30_000, 4.0), (60_000, STALE), (120_000, STALE)];
        let made = items(data(Kind::Gauge, &ended), Tier::Minute);
        assert!(floats(&made[0]).iter().all(|value| value.to_bits() == STALE.to_bits()));
        assert_eq!(made[0].times, [60_000, 120_000]);
        for (part, expected) in made[1..].iter().zip([4.0, 4.0, 4.0, 1.0]) {
            assert_eq!((&part.times[..], floats(part)), (&[60_000][..], vec![expected]), "{}", part.series);
        }
        assert_eq!(items(data(Kind::Gauge, &ended[1..]), Tier::Minute).len(), 1);
    }

    #[test]
    fn a_gauge_has_five_points_a_minute_and_a_counter_one() {
        let samples = [(30_000, 4.0), (60_000, 2.0), (60_001, 9.0)];
        let made: Vec<_> = items(data(Kind::Gauge, &samples), Tier::Minute)
            .into_iter()
            .map(|item| (item.series.to_string(), item.times.clone(), floats(&item)))
            .collect();
        let expected = [
            ("m", [2.0, 9.0]),
            ("m:sum", [6.0, 9.0]),
            ("m:min", [2.0, 9.0]),
            ("m:max", [4.0, 9.0]),
            ("m:count", [2.0, 1.0]),
        ];
        assert_eq!(made.len(), expected.len());
        for ((name, times, values), (series, points)) in made.iter().zip(expected) {
            assert_eq!(
                (name.as_str(), &times[..], &values[..]),
                (format!("{series}{{k=\"v\"}}").as_str(), &[60_000, 120_000][..], &points[..])
            );
        }
        let made = items(data(Kind::Counter, &samples), Tier::Hour);
        assert_eq!((made.len(), &made[0].times[..], &floats(&made[0])[..]), (1, &[3_600_000][..], &[9.0][..]));
        assert_eq!(items(data(Kind::Gauge, &samples), Tier::Raw)[0].times, [30_000, 60_000, 60_001]);
    }
}
