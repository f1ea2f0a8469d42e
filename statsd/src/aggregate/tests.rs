//! Lines in, points and counts out.

use std::time::Duration;

use weir_sample::{CheckStatus, EventKind, Series, Timestamp, Value, Window};

use super::Aggregator;
use super::slots::MAX_SERIES_BYTES;
use crate::config::{AggregatorConfig, Idle};

fn window() -> Window {
    Window::containing(Timestamp::from_secs(1_000), Duration::from_secs(10))
}

fn reading(aggregator: &Aggregator, series: &str) -> f64 {
    let readings = aggregator.readings();
    readings.iter().find(|reading| reading.series.to_string() == series).map_or(f64::NAN, |reading| reading.value)
}

#[test]
fn a_window_holds_what_its_lines_said() {
    let mut aggregator = Aggregator::new(AggregatorConfig { host: Some("h".into()), ..Default::default() });
    aggregator.receive(b"jobs.done:1|c|#q:a\njobs.done:2|c|@0.5|#q:a\nload:3|g\nload:-1|g\nrubbish", |_| {});
    let mut points: Vec<String> =
        aggregator.close(window()).iter().map(|(series, value)| format!("{series} {value:?}")).collect();
    points.sort();
    assert_eq!(points, [r#"jobs_done{host="h",q="a"} Counter(5.0)"#, r#"load{host="h"} Gauge(2.0)"#]);
}

#[test]
fn loss_is_counted_with_its_reason_and_shown_with_its_line() {
    let mut aggregator = Aggregator::new(AggregatorConfig::default());
    let long = format!("a:1|c|#x:{}", "y".repeat(MAX_SERIES_BYTES));
    let datagram = format!("a:1|c\nrubbish\na:1|g\n{long}");
    let mut lines = Vec::new();
    aggregator.receive(datagram.as_bytes(), |refused| lines.push(refused.line.to_vec()));
    assert_eq!(lines, [&b"rubbish"[..], b"a:1|g", long.as_bytes()]);
    for reason in ["malformed", "type_conflict", "too_long"] {
        let series = format!("weir_statsd_refused_lines_total{{reason={reason:?}}}");
        assert_eq!(reading(&aggregator, &series), 1.0, "{reason}");
    }
    assert_eq!(reading(&aggregator, "weir_statsd_lines_total"), 1.0);
}

#[test]
fn the_culprit_is_named_until_it_stops() {
    let config = AggregatorConfig { max_series_per_metric: 1, ..Default::default() };
    let mut aggregator = Aggregator::new(config);
    aggregator.receive(b"a:1|c|#u:1\na:1|c|#u:2\na:1|c|#u:3\nb:1|c", |_| {});
    aggregator.close(window());
    assert_eq!(reading(&aggregator, r#"weir_statsd_culprit_lines{metric="a"}"#), 2.0);
    assert_eq!(reading(&aggregator, r#"weir_statsd_folded_lines_total{reason="series_limit"}"#), 2.0);
    aggregator.close(window().next());
    assert_eq!(aggregator.telemetry().culprits(), []);
}

#[test]
fn exploding_names_share_one_overflow_series() {
    let mut aggregator = Aggregator::new(AggregatorConfig { max_series: 0, ..Default::default() });
    for i in 0..3_000 {
        aggregator.receive(format!("name{i}:1|c").as_bytes(), |refused| panic!("{refused}"));
    }
    assert_eq!(aggregator.series(), 1_001);
    let sum: f64 =
        aggregator.close(window()).iter().map(|(_, value)| if let Value::Counter(n) = value { *n } else { 0.0 }).sum();
    assert_eq!(sum, 3_000.0);
}

#[test]
fn the_limit_has_room_again_when_series_expire() {
    let idle = Idle { counters: 1, ..Default::default() };
    let mut aggregator = Aggregator::new(AggregatorConfig { max_series: 1, idle, ..Default::default() });
    let telemetry = aggregator.telemetry();
    aggregator.receive(b"a:1|c\nb:1|c", |_| {});
    assert_eq!(reading(&aggregator, "weir_statsd_series"), 2.0);
    aggregator.close(window());
    aggregator.close(window().next());
    assert_eq!((aggregator.series(), reading(&aggregator, "weir_statsd_expired_series_total")), (0, 2.0));
    aggregator.receive(b"b:1|c", |_| {});
    assert_eq!(aggregator.close(window())[0].0, Series::named("b"));
    drop(aggregator);
    let series = telemetry.readings().into_iter().find(|reading| reading.series.name() == "weir_statsd_series");
    assert_eq!(series.map(|reading| reading.value), Some(0.0));
}

#[test]
fn spellings_without_end_of_one_series_do_not_pile_up() {
    let deny_tags = vec!["id".to_owned()];
    let mut aggregator = Aggregator::new(AggregatorConfig { max_series: 10, deny_tags, ..Default::default() });
    for i in 0..5_000 {
        aggregator.receive(format!("a:1|c|#id:{i}").as_bytes(), |refused| panic!("{refused}"));
    }
    assert!(aggregator.slots.spellings() <= aggregator.slots.max_keys());
    assert_eq!(aggregator.close(window()), [(Series::named("a"), Value::Counter(5_000.0))]);
    assert_eq!(aggregator.slots.spellings(), 0);
}

#[test]
fn events_and_checks_are_kept_up_to_a_limit_and_always_counted() {
    let mut aggregator = Aggregator::new(AggregatorConfig { max_events: 1, ..Default::default() });
    aggregator
        .receive(b"_e{1,4}:a|b\\nc|h:db1|#x:1\n_e{1,1}:a|b\n_sc|up|2|m:no\n_sc|up|0", |refused| panic!("{refused}"));
    let [event, check] = aggregator.drain_events().try_into().unwrap();
    assert_eq!((event.text.as_str(), event.host.as_deref(), event.at), ("b\nc", Some("db1"), None));
    assert_eq!((check.kind, check.text.as_str()), (EventKind::Check(CheckStatus::Critical), "no"));
    assert_eq!(reading(&aggregator, r#"weir_statsd_shed_events_total{reason="limit"}"#), 2.0);
    let points = aggregator.close(window());
    assert_eq!(points.len(), 5);
    let found = points.iter().find(|(series, _)| series.to_string() == r#"statsd_service_check{check="up"}"#);
    assert_eq!(found.map(|(_, value)| value), Some(&Value::Gauge(0.0)), "the last result stands");
    assert_eq!(aggregator.drain_events(), []);
}
