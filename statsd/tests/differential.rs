//! Against `statsd-parser`, an independent reading of the grammar that both support.
//!
//! It knows neither packed values, sets, distributions nor fields beyond rate and tags, and panics on some input, so it
//! is asked behind `catch_unwind` and only about lines of its grammar.

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use proptest::prelude::*;
use proptest::sample::select;
use weir_sample::CheckStatus as Status;
use weir_statsd::{Item, Type, parse};

/// What both say of a line.
#[derive(Debug, PartialEq)]
struct Said {
    name: String,
    what: String,
    tags: BTreeMap<String, String>,
}

fn ours(line: &str) -> Option<Said> {
    let mut said = None;
    parse(line.as_bytes(), |item| {
        said = item.ok().map(|item| match item {
            Item::Metric(metric) => Said {
                name: metric.name().0.to_owned(),
                what: format!(
                    "{:?} {:?} {}",
                    metric.kind,
                    metric.values().map(|n| n.value).collect::<Vec<_>>(),
                    metric.rate
                ),
                tags: metric.tags().map(|tag| (tag.name.into(), tag.value.into())).collect(),
            },
            Item::ServiceCheck(check) => Said {
                name: check.name().to_owned(),
                what: format!(
                    "{:?} {:?} {:?} {}",
                    check.status(),
                    check.timestamp(),
                    check.hostname(),
                    check.message()
                ),
                tags: check.tags().map(|tag| (tag.name.into(), tag.value.into())).collect(),
            },
            Item::Event(event) => Said { name: event.title().into(), what: String::new(), tags: BTreeMap::new() },
        });
    });
    said
}

fn theirs(line: &str) -> Option<Said> {
    use statsd_parser::Metric::{Counter, Gauge, Histogram, Meter, ServiceCheck, Timing};
    let line = line.to_owned();
    let message = catch_unwind(|| statsd_parser::parse(line)).ok()?.ok()?;
    let number = |kind: Type, value: f64, rate: Option<f64>| format!("{kind:?} {:?} {}", [value], rate.unwrap_or(1.0));
    let what = match message.metric {
        Counter(read) => number(Type::Counter, read.value, read.sample_rate),
        Meter(read) => number(Type::Counter, read.value, read.sample_rate),
        Gauge(read) => number(Type::Gauge, read.value, read.sample_rate),
        Timing(read) => number(Type::Timer, read.value, read.sample_rate),
        Histogram(read) => number(Type::Distribution, read.value, read.sample_rate),
        ServiceCheck(read) => {
            let status = match read.status {
                statsd_parser::Status::OK => Status::Ok,
                statsd_parser::Status::WARNING => Status::Warning,
                statsd_parser::Status::CRITICAL => Status::Critical,
                statsd_parser::Status::UNKNOWN => Status::Unknown,
            };
            let timestamp = read.timestamp.map(|seconds| seconds as i64);
            format!("{status:?} {timestamp:?} {:?} {}", read.hostname.as_deref(), read.message.unwrap_or_default())
        }
    };
    // A tag without a value is "" there and "true" here.
    let bare = |value: String| if value.is_empty() { "true".to_owned() } else { value };
    let tags = message.tags.unwrap_or_default().into_iter().map(|(name, value)| (name, bare(value))).collect();
    Some(Said { name: message.name, what, tags })
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "[+-]?[0-9]{1,18}",
        "[+-]?[0-9]{0,8}\\.[0-9]{1,8}",
        "[0-9]{1,3}e-?[0-9]{1,2}",
        any::<f64>().prop_filter("a size that is taken", |v| v.abs() < 1e250).prop_map(|v| v.to_string()),
    ]
}

fn tags() -> impl Strategy<Value = String> {
    let tag = "[a-z_.]{1,8}(:[a-zA-Z0-9_./é]{1,8}(:[0-9]{1,4})?)?";
    prop_oneof![Just(String::new()), prop::collection::vec(tag, 1..5).prop_map(|tags| format!("|#{}", tags.join(",")))]
}

fn rate() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        (1..=1_000u32).prop_map(|thousandths| format!("|@{}", f64::from(thousandths) / 1e3))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn metrics_are_read_alike(
        name in "[a-zA-Z0-9_.-]{1,30}", value in number(), kind in select(vec!["c", "g", "ms", "h", "m"]), rate in rate(), tags in tags(),
    ) {
        let line = format!("{name}:{value}|{kind}{rate}{tags}");
        let theirs = theirs(&line);
        prop_assert!(theirs.is_some(), "{line} is of a grammar that both support");
        prop_assert_eq!(ours(&line), theirs, "{}", line);
    }

    #[test]
    fn service_checks_are_read_alike(
        name in "[a-zA-Z0-9_. -]{1,20}", status in 0..4u8, seconds in prop::option::of(0..2_000_000_000u32),
        host in prop::option::of("[a-z0-9.]{1,10}"), tags in tags(), message in prop::option::of("[a-z #:,]{1,20}[a-z]"),
    ) {
        let field = |mark: &str, value: Option<String>| value.map(|value| format!("|{mark}:{value}")).unwrap_or_default();
        let line = format!(
            "_sc|{name}|{status}{}{}{tags}{}",
            field("d", seconds.map(|s| s.to_string())), field("h", host), field("m", message),
        );
        let theirs = theirs(&line);
        prop_assert!(theirs.is_some(), "{line} is of a grammar that both support");
        prop_assert_eq!(ours(&line), theirs, "{}", line);
    }

    #[test]
    fn what_they_refuse_we_refuse(name in "[a-z]{0,3}", value in "[0-9a-fx.+-]{0,5}", kind in "[a-z]{0,2}") {
        let line = format!("{name}:{value}|{kind}");
        let set_or_distribution = kind == "s" || kind == "d";
        if theirs(&line).is_none() && !set_or_distribution {
            prop_assert_eq!(ours(&line), None, "{}", line);
        }
    }
}

#[test]
fn its_panic_is_no_panic_here() {
    assert_eq!(theirs("_sc|a|0|h"), None);
    assert!(ours("_sc|a|0|h").is_some());
}
