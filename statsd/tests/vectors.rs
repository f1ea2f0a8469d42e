//! Every case of `tests/vectors/*.txt`, whose format its README tells.

use std::fmt::Write;
use std::time::Duration;

use weir_sample::{Timestamp, Value, Window};
use weir_statsd::{Aggregator, AggregatorConfig, Event, Item, Metric, ServiceCheck, Tags, TimerUnit, Type, parse};

#[test]
fn etsy() {
    check_items(include_str!("vectors/etsy.txt"), 19);
}

#[test]
fn dogstatsd() {
    check_items(include_str!("vectors/dogstatsd.txt"), 25);
}

#[test]
fn inline_tags() {
    check_items(include_str!("vectors/inline_tags.txt"), 10);
}

#[test]
fn refused() {
    check_items(include_str!("vectors/refused.txt"), 40);
}

#[test]
fn aggregation() {
    let cases = cases(include_str!("vectors/aggregation.txt"), 25);
    for case in cases {
        let got = window_of(&case);
        assert_eq!(got, case.sorted(), "{}", case.title);
    }
}

/// A case's lines, in order, without comments.
struct Case<'a> {
    title: String,
    options: Vec<&'a str>,
    datagrams: Vec<&'a str>,
    expected: Vec<&'a str>,
}

impl Case<'_> {
    fn sorted(&self) -> Vec<&str> {
        let mut expected = self.expected.clone();
        expected.sort_unstable();
        expected
    }
}

fn cases(file: &str, at_least: usize) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for block in file.split("\n\n") {
        let lines: Vec<&str> = block.lines().filter(|line| !line.starts_with('#')).collect();
        let starting = |marks: &[char]| lines.iter().copied().filter(|line| line.starts_with(marks)).collect();
        let case = Case {
            title: block.trim().to_owned(),
            options: starting(&['~']),
            datagrams: starting(&['>', '%']),
            expected: starting(&['=', '!']),
        };
        let read = case.options.len() + case.datagrams.len() + case.expected.len();
        assert_eq!(read, lines.iter().filter(|line| !line.is_empty()).count(), "a line of no known mark in {block}");
        cases.extend((read > 0).then_some(case));
    }
    assert!(cases.len() >= at_least, "only {} cases", cases.len());
    cases
}

fn check_items(file: &str, at_least: usize) {
    for case in cases(file, at_least) {
        let datagram = unescape(case.datagrams[0].trim_start_matches(['>', ' ']));
        let mut got = Vec::new();
        parse(&datagram, |item| {
            got.push(match item {
                Ok(item) => format!("= {}", normal(&item)),
                Err(refused) => format!("! {}", refused.reason()),
            });
        });
        assert_eq!(got, case.expected, "{}", case.title);
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    let hex = |digit: Option<u8>| char::from(digit.expect("two digits")).to_digit(16).expect("a hex digit") as u8;
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'\\') => b'\\',
                Some(b'x') => hex(rest.next()) * 16 + hex(rest.next()),
                other => panic!("escape {other:?} in {text}"),
            },
            byte => byte,
        });
    }
    bytes
}

fn normal(item: &Item<'_>) -> String {
    match item {
        Item::Metric(metric) => normal_metric(metric),
        Item::Event(event) => normal_event(event),
        Item::ServiceCheck(check) => normal_check(check),
    }
}

fn normal_metric(metric: &Metric<'_>) -> String {
    let kind = match metric.kind {
        Type::Counter => "counter",
        Type::Gauge => "gauge",
        Type::Timer => "timer",
        Type::Distribution => "distribution",
        Type::Set => "set",
    };
    let (head, tail) = metric.name();
    let mut text = format!("{kind} {head}{tail}");
    for number in metric.values() {
        let plus = metric.kind == Type::Gauge && number.signed && number.value >= 0.0;
        let _ = write!(text, " {}{}", if plus { "+" } else { "" }, number.value);
    }
    if let Some(member) = metric.member() {
        let _ = write!(text, " {}", String::from_utf8_lossy(member));
    }
    if metric.rate != 1.0 {
        let _ = write!(text, " @{}", metric.rate);
    }
    if let Some(timestamp) = metric.timestamp {
        let _ = write!(text, " T{timestamp}");
    }
    push_tags(&mut text, metric.tags());
    text
}

fn normal_event(event: &Event<'_>) -> String {
    let mut text = format!("event {}|{}", event.title(), event.text());
    push_fields(&mut text, event.timestamp(), event.hostname());
    let _ = write!(text, " p={} t={}", event.priority(), event.alert_type());
    for (name, value) in [("k", event.aggregation_key()), ("s", event.source_type())] {
        let _ = value.map(|value| write!(text, " {name}={value}"));
    }
    push_tags(&mut text, event.tags());
    text
}

fn normal_check(check: &ServiceCheck<'_>) -> String {
    let mut text = format!("check {} {}", check.name(), check.status().name());
    push_fields(&mut text, check.timestamp(), check.hostname());
    if !check.message().is_empty() {
        let _ = write!(text, " m={}", check.message());
    }
    push_tags(&mut text, check.tags());
    text
}

fn push_fields(text: &mut String, timestamp: Option<i64>, hostname: Option<&str>) {
    let _ = timestamp.map(|timestamp| write!(text, " d={timestamp}"));
    let _ = hostname.map(|hostname| write!(text, " h={hostname}"));
}

fn push_tags(text: &mut String, tags: Tags<'_>) {
    let tags: Vec<String> = tags.map(|tag| format!("{}={}", tag.name, tag.value)).collect();
    if !tags.is_empty() {
        let _ = write!(text, " #{}", tags.join(","));
    }
}

/// What the last window of a case says, and the reasons of what it refused, sorted.
fn window_of(case: &Case<'_>) -> Vec<String> {
    let mut aggregator = Aggregator::new(config_of(&case.options));
    let mut window = Window::containing(Timestamp::from_secs(1_700_000_000), Duration::from_secs(10));
    let mut got = Vec::new();
    for datagram in &case.datagrams {
        if *datagram == "%" {
            aggregator.close(window);
            window = window.next();
        } else {
            let datagram = unescape(datagram.trim_start_matches(['>', ' ']));
            aggregator.receive(&datagram, |refused| got.push(format!("! {}", refused.reason())));
        }
    }
    let points = aggregator.close(window);
    got.extend(points.iter().map(|(series, value)| format!("= {series} {}", normal_value(value))));
    got.sort();
    got
}

fn normal_value(value: &Value) -> String {
    match value {
        Value::Counter(delta) => format!("counter {delta}"),
        Value::Gauge(value) => format!("gauge {value}"),
        Value::Set(set) => format!("set {}", set.estimate()),
        Value::Distribution(histogram) => {
            let (count, sum, min, max) = (histogram.count(), histogram.sum(), histogram.min(), histogram.max());
            format!("distribution count={count} sum={sum} min={min} max={max}")
        }
    }
}

fn config_of(options: &[&str]) -> AggregatorConfig {
    let mut config = AggregatorConfig::default();
    for option in options {
        let (name, value) = option[2..].split_once(' ').expect("an option and its value");
        let number = || value.parse().expect("a number");
        match name {
            "relative_gauges" => config.relative_gauges = value == "on",
            "repeat_gauges" => config.repeat_gauges = value == "on",
            "total_suffix" => config.total_suffix = value == "on",
            "timers" => config.timers = if value == "seconds" { TimerUnit::Seconds } else { TimerUnit::Milliseconds },
            "host" => config.host = Some(value.to_owned()),
            "prefix" => config.prefix = value.to_owned(),
            "label" => config.labels.extend(value.split_once('=').map(|(name, value)| (name.into(), value.into()))),
            "allow" => config.allow_tags.push(value.to_owned()),
            "deny" => config.deny_tags.push(value.to_owned()),
            "max_series" => config.max_series = number(),
            "max_series_per_metric" => config.max_series_per_metric = number(),
            "idle" => {
                let windows = number() as u32;
                let idle = &mut config.idle;
                (idle.counters, idle.gauges, idle.distributions, idle.sets) = (windows, windows, windows, windows);
            }
            other => panic!("unknown option {other}"),
        }
    }
    config
}
