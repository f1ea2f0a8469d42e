//! Points of a minute or an hour in place of samples, as the embedded store makes them.
//!
//! A counter's point is its last total. A gauge's are five series: its name has the last value, and `name:sum`, `name:min`, `name:max` and
//! `name:count` what a question over time needs. Colons are for names that rules make, so no question for the name meets them.

use weir_sample::Kind;
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

/// What is sent of a series.
pub(crate) fn items(data: SeriesData, tier: Tier) -> Vec<Item> {
    let Column::Floats(values) = data.values else { return Vec::new() };
    let item = Item { series: data.series, kind: data.kind, times: data.timestamps, values };
    match tier {
        Tier::Raw => vec![item],
        Tier::Minute | Tier::Hour => points(item, tier.millis()),
    }
}

fn points(item: Item, resolution: i64) -> Vec<Item> {
    let ends: Vec<i64> =
        item.times.iter().map(|time| time + (resolution - time.rem_euclid(resolution)) % resolution).collect();
    let stretches: Vec<(i64, &[f64])> = {
        let mut from = 0;
        let chunks = ends.chunk_by(|a, b| a == b);
        chunks
            .map(|same| {
                let values = &item.values[from..from + same.len()];
                from += same.len();
                (same[0], values)
            })
            .collect()
    };
    let of = |name: &str, kind: Kind, value: &dyn Fn(&[f64]) -> f64| {
        let series = if name.is_empty() {
            item.series.clone()
        } else {
            item.series.with_name(&format!("{}{name}", item.series.name()))
        };
        let (times, values) = stretches.iter().map(|(end, values)| (*end, value(values))).unzip();
        Item { series, kind, times, values }
    };
    let last = |values: &[f64]| values[values.len() - 1];
    if item.kind == Kind::Counter {
        return vec![of("", Kind::Counter, &last)];
    }
    let gauge = Kind::Gauge;
    vec![
        of("", gauge, &last),
        of(parts::SUM, gauge, &|values| values.iter().sum()),
        of(parts::MIN, gauge, &|values| values.iter().copied().fold(f64::INFINITY, f64::min)),
        of(parts::MAX, gauge, &|values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        of(parts::COUNT, gauge, &|values| values.len() as f64),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::item;

    fn data(kind: Kind, samples: &[(i64, f64)]) -> SeriesData {
        let Item { series, times, values, .. } = item("m", &[("k", "v")], samples);
        let values = Column::Floats(values);
        SeriesData { series, kind, tier: Tier::Raw, timestamps: times, values, starts: Vec::new(), more: false }
    }

    #[test]
    fn a_gauge_has_five_points_a_minute_and_a_counter_one() {
        let samples = [(30_000, 4.0), (60_000, 2.0), (60_001, 9.0)];
        let made: Vec<_> = items(data(Kind::Gauge, &samples), Tier::Minute)
            .into_iter()
            .map(|item| (item.series.to_string(), item.times, item.values))
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
        assert_eq!((made.len(), &made[0].times[..], &made[0].values[..]), (1, &[3_600_000][..], &[9.0][..]));
        assert_eq!(items(data(Kind::Gauge, &samples), Tier::Raw)[0].times, [30_000, 60_000, 60_001]);
    }
}
