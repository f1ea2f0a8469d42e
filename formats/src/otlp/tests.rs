//! Requests as they come, told as Prometheus would store them.

use weir_sample::{Kind, STALE};

use super::*;
use crate::{Exemplar, Measured};

/// Protobuf of a request of JSON.
fn request(json: &str) -> Vec<u8> {
    from_json(json.as_bytes(), 1 << 20).unwrap()
}

fn metrics(metrics: &str) -> String {
    format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metrics}]}}]}}]}}"#)
}

/// Everything that is told, a line each: series, kind, time and value.
fn lines(bytes: &[u8], promoted: &[String]) -> Result<Vec<String>, Refused> {
    let mut lines = Vec::new();
    let translation = Translation { promoted: promoted.to_vec(), ..Translation::default() };
    read(bytes, &translation, |told| match told {
        Told::Point(points) => lines.extend(points.iter().map(line)),
        Told::Exemplar(Some((point, Exemplar { time, value, labels }))) => {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            lines.push(format!("{} # {{{}}} {value} {time:?}", series(&point), labels.join(",")));
        }
        Told::Exemplar(None) => lines.push("no exemplar".to_owned()),
        Told::Resource(point) => lines.push(line(&point)),
        Told::LeftOut(why) => lines.push(format!("{why:?}")),
        Told::Described(..) => {}
    })?;
    Ok(lines)
}

fn series(point: &Point<'_>) -> String {
    let mut labels: Vec<_> = point.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    labels.sort();
    let sign = if point.kind == Kind::Counter { "+" } else { "" };
    format!("{}{{{}}}{sign}", point.name, labels.join(","))
}

fn line(point: &Point<'_>) -> String {
    let value = match &point.value {
        Measured::Float(value) if value.to_bits() == STALE.to_bits() => "stale".to_owned(),
        Measured::Float(value) => value.to_string(),
        Measured::Difference { since, until, by } => format!("{by} of {since}..{until}"),
        Measured::Window { since, until, histogram } => {
            format!("{} {} of {since}..{until}", histogram.count(), histogram.sum())
        }
        Measured::Histogram(histogram) => {
            let buckets =
                histogram.buckets().map(|bucket| format!("{}..{}:{}", bucket.lower, bucket.upper, bucket.count));
            format!("{} {} [{}]", histogram.count(), histogram.sum(), buckets.collect::<Vec<_>>().join(" "))
        }
    };
    format!("{} {} {value}", series(point), point.time)
}

fn check(json: &str, expected: &[&str]) {
    assert_eq!(lines(&request(json), &["k8s.pod.name".into()]).unwrap(), expected);
}

const WHOLE: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[
    {"key":"service.namespace","value":{"stringValue":"shop"}},{"key":"service.name","value":{"stringValue":"cart"}},
    {"key":"service.instance.id","value":{"stringValue":"c1"}},{"key":"k8s.pod.name","value":{"stringValue":"p-1"}},
    {"key":"host.cpus","value":{"intValue":"4"}}]},
  "scopeMetrics":[{"scope":{"name":"lib","version":"1.2"},"metrics":[
    {"name":"requests","unit":"1","sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","isMonotonic":true,
      "dataPoints":[{"timeUnixNano":"2000000000","asInt":"7","attributes":[{"key":"http.method","value":{"stringValue":"GET"}},
        {"key":"http-method","value":{"stringValue":"get"}},{"key":"job","value":{"stringValue":"mine"}}],
        "exemplars":[{"traceId":"5b8efff798038103d269b633813fc60c","asInt":1}]}]}},
    {"name":"load","gauge":{"dataPoints":[{"timeUnixNano":3000000000,"asDouble":0.5,"flags":0}]},"unknown":[{"a":null}]}]}]}]}"#;

#[test]
fn metrics_say_what_they_are() {
    let points = r#""dataPoints":[{"timeUnixNano":"1000000000","asInt":"1"}]"#;
    let described = |name: &str, unit: &str, data: &str| {
        let json = metrics(&format!(r#"{{"name":"{name}","description":"Help.","unit":"{unit}",{data}}}"#));
        let mut described = Vec::new();
        let told = |told: Told<'_>| {
            if let Told::Described(name, Metadata { kind, unit, help }) = told {
                described.push(format!("{name} {} [{unit}] {help}", kind.word()));
            }
        };
        read(&request(&json), &Translation::default(), told).unwrap();
        described
    };
    let check = |name: &str, unit: &str, data: String, expected: &[&str]| {
        assert_eq!(described(name, unit, &data), expected, "{name} {unit} {data}");
    };
    let sum = |monotonic| format!(r#""sum":{{"aggregationTemporality":2,"isMonotonic":{monotonic},{points}}}"#);
    check("io.sent", "By", sum(true), &["io_sent_bytes_total counter [bytes] Help."]);
    check(
        "io.rate",
        "By/s",
        format!(r#""gauge":{{{points}}}"#),
        &["io_rate_bytes_per_second gauge [bytes_per_second] Help."],
    );
    check("queue", "{items}", sum(false), &["queue gauge [] Help."]);
    check("lost", "By", format!(r#""sum":{{"isMonotonic":true,{points}}}"#), &[]);
}

#[test]
fn a_request_is_told_with_its_resource_and_scope() {
    let all = "instance=c1,job=shop/cart,k8s_pod_name=p-1,otel_scope_name=lib,otel_scope_version=1.2";
    let (before, after) = all.split_at("instance=c1,job=shop/cart,k8s_pod_name=p-1,".len());
    check(
        WHOLE,
        &[
            &format!("requests_total{{http_method=get;GET,{before}{after}}}+ 2000 7"),
            // Without a time of its own.
            &format!(
                "requests_total{{http_method=get;GET,{before}{after}}}+ # {{trace_id=5b8efff798038103d269b633813fc60c}} 1 None"
            ),
            &format!("load{{{all}}} 3000 0.5"),
            "target_info{host_cpus=4,instance=c1,job=shop/cart,k8s_pod_name=p-1} 3000 1",
        ],
    );
}

#[test]
fn sums_are_counters_only_where_they_grow() {
    let sum = |more: &str| {
        metrics(&format!(
            r#"{{"name":"s","unit":"By","sum":{{"dataPoints":[{{"timeUnixNano":1e9,"asInt":-3}}]{more}}}}}"#
        ))
    };
    check(&sum(r#","aggregationTemporality":2"#), &["s_bytes{} 1000 -3"]);
    check(&sum(r#","aggregationTemporality":2,"isMonotonic":true"#), &["s_bytes_total{}+ 1000 -3"]);
    check(&sum(r#","aggregationTemporality":1,"isMonotonic":true"#), &["s_bytes_total{}+ 1000 -3 of 0..1000000000"]);
    check(&sum(r#","aggregationTemporality":1"#), &["Delta"]);
    check(&sum(""), &["Temporality"]);
    check(&metrics(r#"{"name":"x"}"#), &["NoValue"]);
    check(
        &metrics(r#"{"name":"x","gauge":{"dataPoints":[{"timeUnixNano":1},{"flags":1,"asInt":3}]}}"#),
        &["NoValue", "x{} 0 stale"],
    );
}

fn histogram(point: &str) -> String {
    metrics(&format!(
        r#"{{"name":"h","unit":"s","histogram":{{"aggregationTemporality":2,"dataPoints":[{{"timeUnixNano":"1000000",{point}}}]}}}}"#
    ))
}

#[test]
fn a_histogram_with_bounds_is_the_classic_series() {
    check(
        &histogram(r#""count":"6","sum":1.5,"bucketCounts":["1",2,3],"explicitBounds":[0.25,"1"]"#),
        &[
            "h_seconds_bucket{le=0.25}+ 1 1",
            "h_seconds_bucket{le=1}+ 1 3",
            "h_seconds_bucket{le=+Inf}+ 1 6",
            "h_seconds_count{}+ 1 6",
            "h_seconds_sum{}+ 1 1.5",
        ],
    );
    check(&histogram(r#""count":2"#), &["h_seconds_bucket{le=+Inf}+ 1 2", "h_seconds_count{}+ 1 2"]);
    for odd in [
        r#""count":3,"bucketCounts":[1,2],"explicitBounds":[1,2]"#,
        r#""count":3,"bucketCounts":[1,1,1],"explicitBounds":[2,1]"#,
        r#""count":4,"bucketCounts":[1,1,1],"explicitBounds":[1,2]"#,
        r#""count":1,"bucketCounts":[1,0],"explicitBounds":["NaN"]"#,
        r#""count":1,"bucketCounts":["18446744073709551615",2],"explicitBounds":[1]"#,
    ] {
        check(&histogram(odd), &["Histogram"]);
    }
}

#[test]
fn differences_say_since_when_they_are() {
    let json = metrics(
        r#"{"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":"1000000","timeUnixNano":"3000000","count":2,"sum":1.5,"bucketCounts":[1,1],"explicitBounds":[1]}]}}"#,
    );
    check(
        &json,
        &[
            "h_bucket{le=1}+ 3 1 of 1000000..3000000",
            "h_bucket{le=+Inf}+ 3 2 of 1000000..3000000",
            "h_count{}+ 3 2 of 1000000..3000000",
            "h_sum{}+ 3 1.5 of 1000000..3000000",
        ],
    );
    let json = exponential(r#""count":0"#).replace("\"aggregationTemporality\":2", "\"aggregationTemporality\":1");
    check(&json, &["e{} 1 0 0 of 0..1000000"]);
}

fn exponential(point: &str) -> String {
    metrics(&format!(
        r#"{{"name":"e","exponentialHistogram":{{"aggregationTemporality":2,"dataPoints":[{{"timeUnixNano":"1000000",{point}}}]}}}}"#
    ))
}

#[test]
fn an_exponential_histogram_has_its_buckets_where_they_were() {
    // At scale 0 bucket 0 is above 1 and at most 2, bucket -1 above ½ and at most 1.
    check(
        &exponential(
            r#""count":7,"sum":9,"scale":0,"zeroCount":1,"positive":{"offset":-1,"bucketCounts":["1",0,3]},"negative":{"bucketCounts":[2]}"#,
        ),
        &["e{} 1 7 9 [-2..-1:2 -0..0:1 0.5..1:1 2..4:3]"],
    );
    // At scale 9 sixteen buckets are two of scale 6, and four of scale 7: all above 1 and at most 2^(2/64).
    let fine =
        r#""count":16,"sum":17,"scale":9,"positive":{"offset":0,"bucketCounts":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}"#;
    let told = &lines(&request(&exponential(fine)), &[]).unwrap()[0];
    let upper = (1.0_f64 / 64.0).exp2();
    assert!(told.contains(&format!("[1..{upper}:8 {upper}..")) && told.ends_with(":8]"), "{told}");
    check(&exponential(r#""flags":1"#), &["e{} 1 0 NaN []"]);
    for odd in [
        r#""count":3,"positive":{"bucketCounts":[1]}"#,
        r#""scale":-5"#,
        r#""positive":{"offset":2147483647,"bucketCounts":[1,1]},"count":2"#,
    ] {
        check(&exponential(odd), &["Histogram"]);
    }
}

#[test]
fn a_summary_is_its_quantiles_count_and_sum() {
    check(
        &metrics(
            r#"{"name":"q","summary":{"dataPoints":[{"timeUnixNano":1000000,"count":3,"sum":6,"quantileValues":[{"quantile":0.5,"value":2},{"quantile":1,"value":"Infinity"}]}]}}"#,
        ),
        &["q{quantile=0.5} 1 2", "q{quantile=1} 1 inf", "q_count{}+ 1 3", "q_sum{}+ 1 6"],
    );
}

#[test]
fn ten_thousand_attributes_cost_their_point_or_target_info() {
    let many: Vec<_> = (0..10_000).map(|at| format!(r#"{{"key":"k{at}","value":{{"intValue":1}}}}"#)).collect();
    let many = many.join(",");
    check(
        &metrics(&format!(
            r#"{{"name":"g","gauge":{{"dataPoints":[{{"asInt":1,"attributes":[{many}]}},{{"asInt":2}}]}}}}"#
        )),
        &["Attributes", "g{} 0 2"],
    );
    let resource = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{many},{{"key":"service.name","value":{{"stringValue":"a"}}}}]}},"scopeMetrics":[{{"metrics":[{{"name":"g","gauge":{{"dataPoints":[{{"asInt":2}}]}}}}]}}]}}]}}"#
    );
    check(&resource, &["g{job=a} 0 2", "Attributes"]);
}

#[test]
fn what_is_no_request_of_json_is_refused() {
    let check = |json: &str, expected: &str| {
        let error = from_json(json.as_bytes(), 1 << 20).unwrap_err().to_string();
        assert!(error.contains(expected), "{json}: {error}");
    };
    check("", "EOF");
    check("[]", "expected an object");
    check("{} {}", "trailing");
    check(r#"{"resourceMetrics":{}}"#, "resourceMetrics is not an object");
    check(r#"{"resourceMetrics":[null]}"#, "resourceMetrics is not null");
    check(r#"{"resourceMetrics":[],"resourceMetrics":[]}"#, "comes twice");
    check(&metrics(r#"{"gauge":{},"sum":{}}"#), "only one may be");
    check(&metrics(r#"{"gauge":{"dataPoints":[{"asInt":"1.5"}]}}"#), "asInt is not this number");
    check(&metrics(r#"{"gauge":{"dataPoints":[{"asInt":" 1"}]}}"#), "asInt is not a number");
    check(&metrics(r#"{"sum":{"aggregationTemporality":"DELTA"}}"#), "one of its names");
    assert_eq!(from_json(WHOLE.as_bytes(), 100), Err(Refused::TooMuch("bytes unfolded", 100)));
    assert!(from_json(b"{\"a\":\"\xff\"}", 100).is_err());
    assert!(from_json("{\"a\":".repeat(1_000).as_bytes(), 100).is_err());
}

#[test]
fn every_cut_and_every_changed_byte_is_a_request_or_an_error() {
    let json = [WHOLE, &exponential(r#""count":3,"scale":2,"positive":{"offset":-1,"bucketCounts":[1,2]}"#)];
    for json in json {
        let bytes = request(json);
        for cut in 0..bytes.len() {
            let _ = lines(&bytes[..cut], &[]);
            for changed in [0, 1, 0x7f, 0x80, 0xff, bytes[cut] ^ 1, bytes[cut].wrapping_add(8)] {
                let mut damaged = bytes.clone();
                damaged[cut] = changed;
                let _ = lines(&damaged, &[]);
            }
        }
        for cut in 0..json.len() {
            assert!(from_json(&json.as_bytes()[..cut], 1 << 20).is_err());
            for changed in *b"\"{}[],:0\xff " {
                let mut damaged = json.as_bytes().to_vec();
                damaged[cut] = changed;
                let _ = from_json(&damaged, 1 << 20).map(|bytes| lines(&bytes, &[]));
            }
        }
    }
}

#[test]
fn answers_say_what_was_left_out() {
    assert_eq!(partial_success(None, false), b"");
    assert_eq!(partial_success(None, true), b"{}");
    assert_eq!(partial_success(Some((300, "x")), false), [0x0a, 6, 8, 0xac, 2, 0x12, 1, b'x']);
    let json = br#"{"partialSuccess":{"errorMessage":"x","rejectedDataPoints":"3"}}"#;
    assert_eq!(partial_success(Some((3, "x")), true), json);
    assert_eq!(failure(3, "x", false), [8, 3, 0x12, 1, b'x']);
    assert_eq!(failure(3, "x", true), br#"{"code":3,"message":"x"}"#);
}

#[test]
fn exemplars_are_of_the_bucket_that_they_fell_into() {
    let exemplar = |value: f64, more: &str| format!(r#"{{"asDouble":{value}{more}}}"#);
    let exemplars = [
        exemplar(
            0.5,
            r#","timeUnixNano":"3000000","traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174""#,
        ),
        exemplar(
            7.0,
            r#","filteredAttributes":[{"key":"user.id","value":{"intValue":"7"}}],"traceId":"00000000000000000000000000000000""#,
        ),
    ];
    let histogram = format!(
        r#"{{"name":"took","histogram":{{"aggregationTemporality":2,"dataPoints":[{{"timeUnixNano":"9000000","count":"3","sum":9,
        "bucketCounts":["1","0","2"],"explicitBounds":[1,5],"exemplars":[{}]}}]}}}}"#,
        exemplars.join(",")
    );
    let found = lines(&request(&metrics(&histogram)), &[]).unwrap();
    let found: Vec<_> = found.iter().filter(|line| line.contains('#')).collect();
    assert_eq!(
        found,
        [
            "took_bucket{le=1}+ # {trace_id=5b8efff798038103d269b633813fc60c,span_id=eee19b7ec3c1b174} 0.5 Some(3)",
            "took_bucket{le=+Inf}+ # {user_id=7} 7 None",
        ]
    );
    let sum = r#"{"name":"done","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"timeUnixNano":"9000000","asInt":"4",
        "exemplars":[{"asInt":"1"}]}]}}"#;
    assert_eq!(lines(&request(&metrics(sum)), &[]).unwrap()[1], "done_total{}+ # {} 1 None");
}
