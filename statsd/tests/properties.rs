//! What holds of any bytes and any lines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use weir_sample::{Bucket, Histogram, Series, Timestamp, Value, Window};
use weir_statsd::{Aggregator, AggregatorConfig, Item, Reason, parse};

fn window() -> Window {
    Window::containing(Timestamp::from_secs(1_700_000_000), Duration::from_secs(10))
}

fn received(aggregator: &mut Aggregator, lines: &[String]) -> BTreeMap<String, Value> {
    for datagram in lines.chunks(7) {
        aggregator.receive(datagram.join("\n").as_bytes(), |refused| panic!("{refused}"));
    }
    points(aggregator)
}

fn points(aggregator: &mut Aggregator) -> BTreeMap<String, Value> {
    let points = aggregator.close(window());
    let len = points.len();
    let points: BTreeMap<_, _> = points.into_iter().map(|(series, value)| (series.to_string(), value)).collect();
    assert_eq!(points.len(), len, "a series was told twice");
    points
}

/// Bytes that come near to lines.
fn near_lines() -> impl Strategy<Value = Vec<u8>> {
    let pieces = select(vec![
        "a",
        "b.c",
        ":",
        "|",
        "c",
        "g",
        "ms",
        "h",
        "d",
        "s",
        "@",
        "0.5",
        "1",
        "-3",
        "1e9",
        "#",
        "x:y",
        ",",
        "[",
        "]",
        "=",
        ";",
        "T123",
        "T",
        "\n",
        "\r",
        "_e{",
        "1,1",
        "}",
        "_sc|",
        "m:",
        "card:low",
        "é",
        "\u{0}",
        "|c|@0.1|#",
        "e:",
        "|",
    ]);
    let piece = prop_oneof![9 => pieces.prop_map(|text| text.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 1..3)];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn survives(datagram: &[u8]) -> Result<(), TestCaseError> {
    let lines = datagram.split(|&byte| byte == b'\n').count();
    let (mut items, mut refused) = (0, 0);
    parse(datagram, |item| match item {
        Ok(item) => {
            items += 1;
            look_at(&item);
        }
        Err(_) => refused += 1,
    });
    prop_assert!(refused <= lines);
    let mut aggregator =
        Aggregator::new(AggregatorConfig { max_series: 3, host: Some("h".into()), ..Default::default() });
    let mut turned_down = 0;
    aggregator.receive(datagram, |refused| {
        // Parsing has found the rest.
        turned_down += usize::from(matches!(refused.reason, Reason::TypeConflict | Reason::TooLong));
    });
    for (series, value) in aggregator.close(window()) {
        prop_assert_eq!(Series::from_key(series.key()), Some(series.clone()));
        let finite = match value {
            Value::Counter(value) | Value::Gauge(value) => value.is_finite(),
            Value::Distribution(histogram) => histogram.sum().is_finite() && histogram.count().is_finite(),
            Value::Set(_) => true,
        };
        prop_assert!(finite, "{series}");
    }
    prop_assert!(turned_down <= items);
    Ok(())
}

/// Reads every part, so that none can panic later.
fn look_at(item: &Item<'_>) {
    match item {
        Item::Metric(metric) => {
            assert!(metric.values().all(|number| number.value.is_finite()));
            assert!(metric.member().is_some() || metric.values().count() > 0);
            assert!(metric.tags().all(|tag| !tag.name.is_empty()));
            assert!((1e-9..=1.0).contains(&metric.rate));
        }
        Item::Event(event) => assert!(!event.title().is_empty() && event.tags().all(|tag| !tag.name.is_empty())),
        Item::ServiceCheck(check) => assert!(!check.name().is_empty() && check.tags().count() < 1_000),
    }
}

/// A good line: name, tags, type and value apart, so that a naive sum can be made of them.
#[derive(Clone, Debug)]
struct Line {
    name: &'static str,
    user: u8,
    kind: &'static str,
    value: i32,
    rate: f64,
}

impl Line {
    /// One of the spellings of the same thing.
    fn text(&self) -> String {
        let Self { name, user, kind, value, rate } = self;
        match user % 3 {
            0 => format!("{name}:{value}|{kind}|@{rate}|#user:{user},z:1"),
            1 => format!("{name}:{value}|{kind}|#z:1,user:{user}|@{rate}"),
            _ => format!("{name},z=1,user={user}:{value}|{kind}|@{rate}"),
        }
    }

    fn series(&self) -> String {
        format!("{}{{user=\"{}\",z=\"1\"}}", self.name.replace('.', "_"), self.user)
    }
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    // A name has one type, as it should.
    let name = select(vec![("a.count", "c"), ("b_count", "c"), ("c.time", "ms"), ("d.size", "d"), ("e.users", "s")]);
    let line = (name, 0..6u8, -1_000..1_000i32, select(vec![1.0, 0.5, 0.1, 0.3]));
    let line = line.prop_map(|((name, kind), user, value, rate)| Line { name, user, kind, value, rate });
    prop::collection::vec(line, 0..60)
}

fn texts(lines: &[Line]) -> Vec<String> {
    lines.iter().map(Line::text).collect()
}

/// What a reader would work out by hand: weighted sum and weighted count.
fn naive(lines: &[Line]) -> BTreeMap<String, (f64, f64)> {
    let mut totals = BTreeMap::new();
    for line in lines {
        let total: &mut (f64, f64) = totals.entry(line.series()).or_default();
        total.0 += f64::from(line.value) / line.rate;
        total.1 += 1.0 / line.rate;
    }
    totals
}

fn close_to(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

/// The same bins and totals, up to the rounding of fractional weights added in another order.
fn alike(a: &Histogram, b: &Histogram) -> bool {
    let close = |a: &Bucket, b: &Bucket| (a.lower, a.upper) == (b.lower, b.upper) && close_to(a.count, b.count);
    let buckets = [a, b].map(|histogram| histogram.buckets().collect::<Vec<_>>());
    let totals = [(a.count(), b.count()), (a.sum(), b.sum()), (a.min(), b.min()), (a.max(), b.max())];
    buckets[0].len() == buckets[1].len()
        && buckets[0].iter().zip(&buckets[1]).all(|(a, b)| close(a, b))
        && totals.iter().all(|&(a, b)| close_to(a, b))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_survived(datagram in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&datagram)?;
    }

    #[test]
    fn anything_near_a_line_is_survived(datagram in near_lines()) {
        survives(&datagram)?;
    }

    #[test]
    fn garbage_does_not_touch_its_neighbours(garbage in "[^\n]{0,40}") {
        let datagram = format!("good.a:1|c\n{garbage}\ngood.b:2|c");
        let mut good = Vec::new();
        parse(datagram.as_bytes(), |item| {
            if let Ok(Item::Metric(metric)) = item {
                good.push(metric.name().0.to_owned());
            }
        });
        prop_assert_eq!(good.first().map(String::as_str), Some("good.a"));
        prop_assert_eq!(good.last().map(String::as_str), Some("good.b"));
    }

    #[test]
    fn totals_are_what_a_naive_sum_gives(lines in lines()) {
        let points = received(&mut Aggregator::new(AggregatorConfig::default()), &texts(&lines));
        let totals = naive(&lines);
        prop_assert_eq!(points.keys().collect::<Vec<_>>(), totals.keys().collect::<Vec<_>>());
        for (series, value) in points {
            let (sum, count) = totals[&series];
            match value {
                Value::Counter(delta) => prop_assert!(close_to(delta, sum), "{series}: {delta} for {sum}"),
                Value::Distribution(histogram) => {
                    prop_assert!(close_to(histogram.sum(), sum) && close_to(histogram.count(), count), "{series}");
                }
                Value::Set(set) => {
                    let members = lines.iter().filter(|line| line.series() == series).map(|line| line.value);
                    prop_assert_eq!(set.estimate(), members.collect::<BTreeSet<_>>().len() as f64);
                }
                Value::Gauge(_) => prop_assert!(false, "no line was a gauge"),
            }
        }
    }

    #[test]
    fn parts_merge_to_the_whole(lines in lines(), cut in 0..60usize) {
        let texts = texts(&lines);
        let (left, right) = texts.split_at(cut.min(texts.len()));
        let aggregate = |lines: &[String]| received(&mut Aggregator::new(AggregatorConfig::default()), lines);
        let (whole, mut merged) = (aggregate(&texts), aggregate(left));
        for (series, value) in aggregate(right) {
            match merged.get_mut(&series) {
                Some(earlier) => earlier.merge(value),
                None => _ = merged.insert(series, value),
            }
        }
        prop_assert_eq!(whole.len(), merged.len());
        for (series, value) in whole {
            match (&value, &merged[&series]) {
                (Value::Counter(a), Value::Counter(b)) => prop_assert!(close_to(*a, *b)),
                (Value::Distribution(a), Value::Distribution(b)) => {
                    prop_assert!(alike(a, b), "{a:?} and {b:?}");
                }
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }

    #[test]
    fn folding_keeps_totals(lines in lines(), max_series in 0..8usize, max_series_per_metric in 0..3usize) {
        let config = AggregatorConfig { max_series, max_series_per_metric, ..Default::default() };
        let mut aggregator = Aggregator::new(config);
        let points = received(&mut aggregator, &texts(&lines));
        prop_assert!(points.keys().filter(|series| !series.contains("__overflow__")).count() <= max_series);
        let mut left = BTreeMap::<_, f64>::new();
        let of = |series: &str| series.split('{').next().unwrap_or_default().to_owned();
        for (series, (sum, _)) in naive(&lines) {
            *left.entry(of(&series)).or_default() += sum;
        }
        for (series, value) in points {
            *left.entry(of(&series)).or_default() -= match value {
                Value::Counter(delta) => delta,
                Value::Distribution(histogram) => histogram.sum(),
                _ => continue,
            };
        }
        left.remove("e_users");
        prop_assert!(left.values().all(|&rest| rest.abs() < 1e-6), "{left:?}");
    }

    #[test]
    fn windows_do_not_leak_into_each_other(lines in lines(), idle in 1..3u32) {
        let idle = weir_statsd::Idle { counters: idle, gauges: idle, distributions: idle, sets: idle };
        let mut aggregator = Aggregator::new(AggregatorConfig { idle, ..Default::default() });
        let texts = texts(&lines);
        let first = received(&mut aggregator, &texts);
        let second = received(&mut aggregator, &texts);
        prop_assert_eq!(first, second);
        for _ in 0..4 {
            points(&mut aggregator);
        }
        prop_assert_eq!((aggregator.series(), points(&mut aggregator).len()), (0, 0));
        prop_assert_eq!(received(&mut aggregator, &texts).len(), naive(&lines).len());
    }
}
