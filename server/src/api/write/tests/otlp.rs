//! OTLP as an exporter sees it.

use std::io::Write;

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn metrics(points: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"cart"}}}},{{"key":"zone","value":{{"stringValue":"a"}}}}]}},
        "scopeMetrics":[{{"metrics":[{{"name":"queue.length","gauge":{{"dataPoints":[{points}]}}}}]}}]}}]}}"#
    )
}

fn point(millis: i64, value: f64, more: &str) -> String {
    format!(r#"{{"timeUnixNano":"{millis}000000","asDouble":{value}{more}}}"#)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn text(answer: (u16, Vec<u8>)) -> (u16, String) {
    (answer.0, String::from_utf8_lossy(&answer.1).into_owned())
}

#[test]
fn both_forms_folded_or_not_are_stored_once() {
    let (server, now) = (Server::start(None), now().millis());
    let json = metrics(&point(now, 4.5, ""));
    let protobuf = weir_formats::otlp::from_json(json.as_bytes(), 1 << 20).unwrap();
    let folded = ("content-encoding", "gzip");
    assert_eq!(text(server.send("/v1/metrics", &[JSON], json.as_bytes())), (200, "{}".into()));
    assert_eq!(text(server.send("/v1/metrics", &[JSON, folded], &gzip(json.as_bytes()))), (200, "{}".into()));
    assert_eq!(server.send("/v1/metrics", &[PROTOBUF], &protobuf), (200, Vec::new()));
    assert_eq!(server.send("/v1/metrics", &[PROTOBUF, folded], &gzip(&protobuf)), (200, Vec::new()));
    assert_eq!(server.send("/v1/metrics", &[PROTOBUF], b""), (200, Vec::new()));
    assert_eq!(server.stored("queue_length"), [("queue_length{job=\"cart\"}".into(), vec![now], vec![4.5])]);
    assert_eq!(server.stored("target_info"), [("target_info{job=\"cart\",zone=\"a\"}".into(), vec![now], vec![1.0])]);
    assert_eq!(server.counters.others.otlp.taken(), 8);
}

#[test]
fn a_data_point_that_cannot_be_kept_is_told_and_the_rest_is_stored() {
    let (server, now) = (Server::start(None), now().millis());
    let attribute = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    let with = |attributes: &[String]| format!(r#","attributes":[{}]"#, attributes.join(","));
    let many: Vec<_> = (0..10_000).map(|at| attribute(&format!("k{at}"), "v")).collect();
    let long = with(&[attribute("long", &"v".repeat(20_000))]);
    let points = [
        point(now, 1.0, ""),
        point(now, 1.0, ""),
        point(now, 2.0, ""),
        point(0, 1.0, ""),
        point(now + 3_600_000, 1.0, ""),
        point(now - 2 * 86_400_000, 1.0, ""),
        point(now, 1.0, &with(&many)),
        point(now, 1.0, &long),
        point(now, 1.0, &with(&[attribute("", "v")])),
    ];
    let (status, answer) = text(server.send("/v1/metrics", &[JSON], metrics(&points.join(",")).as_bytes()));
    assert!(status == 200 && answer.contains(r#""rejectedDataPoints":"7""#), "{answer}");
    for part in [
        "2 samples are older",
        // target_info stands at the latest time, which is one of the future.
        "2 samples are more than ten minutes ahead",
        "1 have, or their resource has, more than 128",
        "too long labels",
        "1 samples have a label without a name",
        "1 samples have another value",
    ] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    assert_eq!(server.stored("queue_length"), [("queue_length{job=\"cart\"}".into(), vec![now], vec![1.0])]);
}

#[test]
fn a_bad_byte_costs_its_data_point_and_names_are_never_merged() {
    let (server, now) = (Server::start(None), now().millis());
    let gauge =
        |name: &str, value: f64| format!(r#"{{"name":"{name}","gauge":{{"dataPoints":[{}]}}}}"#, point(now, value, ""));
    let json = |metrics: &[String]| {
        format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{}]}}]}}]}}"#, metrics.join(","))
    };
    let both = json(&[gauge("k6.a", 1.0), gauge("k6_a", 2.0)]);
    let (status, answer) = text(server.send("/v1/metrics", &[JSON], both.as_bytes()));
    assert!(status == 200 && answer.contains("no longer told from another one"), "{answer}");
    assert_eq!(server.stored("k6_a"), [("k6_a".into(), vec![now], vec![1.0])]);

    let mut bytes =
        weir_formats::otlp::from_json(json(&[gauge("bad", 1.0), gauge("good", 2.0)]).as_bytes(), 1 << 20).unwrap();
    let at = bytes.windows(3).position(|window| window == b"bad").unwrap();
    bytes[at] = 0xff;
    let (status, answer) = text(server.send("/v1/metrics", &[PROTOBUF], &bytes));
    assert!(status == 200 && answer.contains("1 are of series that cannot be read"), "{answer}");
    assert_eq!(server.stored("good")[0].2, [2.0]);
}

#[test]
fn with_a_strategy_names_stand_as_they_were_sent() {
    let settings = toml::from_str(r#"translation_strategy = "NoTranslation""#).unwrap();
    let (server, now) = (Server::with(None, &settings), now().millis());
    let own = r#","attributes":[{"key":"http.method","value":{"stringValue":"GET"}}]"#;
    let body = metrics(&point(now, 4.5, own));
    assert_eq!(text(server.send("/v1/metrics", &[JSON], body.as_bytes())), (200, "{}".into()));
    let expected = r#"{"queue.length","http.method"="GET",job="cart"}"#;
    assert_eq!(server.stored(r#"{"queue.length"}"#), [(expected.into(), vec![now], vec![4.5])]);
}

#[test]
fn what_is_no_request_is_answered_in_its_form() {
    let server = Server::start(None);
    let check = |headers: &[(&str, &str)], body: &[u8], status: u16, part: &str| {
        let (seen, answer) = text(server.send("/v1/metrics", headers, body));
        assert!(seen == status && answer.contains(part), "{seen} {answer}");
    };
    check(&[JSON], b"{", 400, r#"{"code":3,"message":"it is no ExportMetricsServiceRequest"#);
    check(&[JSON], b"", 400, "EOF");
    check(&[PROTOBUF], b"up 1", 400, "cut off");
    check(&[], b"{}", 415, "application/x-protobuf or application/json");
    check(&[("content-type", "text/plain")], b"{}", 415, "gRPC is not");
    check(&[JSON, ("content-encoding", "br")], b"{}", 415, "gzip");
    check(&[JSON, ("content-encoding", "gzip")], b"{}", 400, "no gzip");
    let folded = gzip(metrics("").as_bytes());
    check(&[JSON, ("content-encoding", "gzip")], &folded[..folded.len() - 9], 400, "");
    check(&[JSON, ("content-encoding", "gzip")], &gzip(&vec![b' '; 30 << 20]), 400, "more than 25165824 bytes");
    let many = vec!["{}"; 250_001].join(",");
    check(&[JSON], metrics(&many).as_bytes(), 400, "more than 250000 data points");
    let otlp = &server.counters.others.otlp;
    // A body that is cut off says another length.
    assert_eq!((otlp.refused(Reason::Malformed), otlp.refused(Reason::TooLarge)), (7, 3));
}

#[test]
fn a_token_says_whose_they_are() {
    let issuer = Issuer::new();
    let (server, time) = (Server::start(Some(&issuer)), now().millis());
    let claims = |scope, max_series| Claims {
        subject: "collector".into(),
        tenant: 3,
        scopes: vec![scope],
        not_before: None,
        expires: u64::try_from(time / 1_000).unwrap() + 60,
        max_series,
        labels: [("job".to_owned(), "b".to_owned())].into(),
    };
    let body = metrics(&point(time, 1.0, ""));
    let send = |scope, max_series| {
        let token = format!("Bearer {}", issue(&claims(scope, max_series), &issuer.key).unwrap());
        server.send("/v1/metrics", &[JSON, ("authorization", &token)], body.as_bytes()).0
    };
    assert_eq!(server.send("/v1/metrics", &[JSON], body.as_bytes()).0, 401);
    assert_eq!((send(Scope::Read, None), send(Scope::Ingest, Some(7)), send(Scope::Ingest, None)), (403, 403, 200));
    assert_eq!(server.stored("queue_length"), [("queue_length{job=\"b\",tenant=\"3\"}".into(), vec![time], vec![1.0])]);
}

#[test]
fn differences_become_a_total_however_often_they_come() {
    let (server, now) = (Server::start(None), now().millis());
    let sum = |from: i64, to: i64, by: u32| {
        format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"hits","sum":{{"aggregationTemporality":1,"isMonotonic":true,
            "dataPoints":[{{"startTimeUnixNano":"{from}000000","timeUnixNano":"{to}000000","asInt":{by}}}]}}}}]}}]}}]}}"#
        )
    };
    let send = |from, to, by| text(server.send("/v1/metrics", &[JSON], sum(now + from, now + to, by).as_bytes()));
    for (from, to, by) in [(-30, -20, 5), (-20, -10, 2), (-20, -10, 2), (-10, 0, 1), (-30, -20, 5)] {
        assert_eq!(send(from, to, by), (200, "{}".into()));
    }
    for (from, to) in [(0, 0), (5, 0)] {
        let (status, answer) = send(from, to, 1);
        assert!(status == 200 && answer.contains("1 are differences"), "{answer}");
    }
    let (_, answer) = send(-3 * 3_600_000, -3 * 3_600_000 + 10, 1);
    assert!(answer.contains("1 samples are older"), "{answer}");
    // Two within one millisecond.
    for (from, to) in [("000100", "000200"), ("000200", "000300")] {
        let shorter = sum(now, now, 1).replacen("000000", from, 1).replacen("000000", to, 1);
        assert_eq!(text(server.send("/v1/metrics", &[JSON], shorter.as_bytes())), (200, "{}".into()));
    }
    let times = [-30, -20, -10, 0, 1, 2].map(|at| now + at).to_vec();
    assert_eq!(server.stored("hits_total"), [("hits_total".into(), times, vec![0.0, 5.0, 7.0, 8.0, 9.0, 10.0])]);
}
