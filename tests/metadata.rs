//! Promise: type, unit and help that senders tell of metrics reach `/api/v1/metadata` by every protocol that tells them, survive the
//! server, and are told of the host's metrics by our own table.

use std::time::Duration;

use serde_json::{Value, json};
use weir_tests::remote_write::send;
use weir_tests::{Server, eventually, seconds_now};

const PATIENCE: Duration = Duration::from_secs(60);

fn post(server: &Server, path: &str, content_type: &str, body: &[u8]) {
    let url = format!("http://{}{path}", server.ports.http);
    let answer = ureq::post(url).header("content-type", content_type).send(body).unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

/// What is told of a metric.
fn told(server: &Server, metric: &str) -> Option<Value> {
    let (_, body) = server.get(&format!("/api/v1/metadata?metric={metric}"))?;
    let answer: Value = serde_json::from_str(&body).ok()?;
    answer["data"].get(metric).cloned()
}

fn waits_for(server: &Server, metric: &str, expected: &Value) {
    eventually(&format!("{metric} to be told as {expected}"), PATIENCE, || {
        told(server, metric).filter(|found| found == expected)
    });
}

/// A message of one field of bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()][..], bytes].concat()
}

/// Remote write 1.0 with an entry of metadata and no series, as Prometheus sends it once a minute.
fn first(kind: u8, name: &str, help: &str, unit: &str) -> Vec<u8> {
    let entry = [&[8, kind][..], &field(2, name.as_bytes()), &field(4, help.as_bytes()), &field(5, unit.as_bytes())];
    field(3, &entry.concat())
}

#[test]
fn what_senders_tell_is_answered_and_survives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let entry = |kind: &str, help: &str, unit: &str| json!({ "type": kind, "help": help, "unit": unit });
    let write = |server: &Server, body: &[u8]| assert!(send(server.ports.http, body).0 < 300);
    write(&server, &first(1, "jobs_done_total", "Jobs.", ""));
    write(&server, &first(1, "jobs_done_total", "Jobs done.", "jobs"));
    waits_for(
        &server,
        "jobs_done_total",
        &json!([entry("counter", "Jobs done.", "jobs"), entry("counter", "Jobs.", "")]),
    );

    let otlp = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [{
        "name": "io.sent", "description": "Bytes sent.", "unit": "By",
        "sum": { "aggregationTemporality": 2, "isMonotonic": true,
                 "dataPoints": [{ "timeUnixNano": (seconds_now() * 1e9).to_string(), "asInt": "7" }] } }] }] }] });
    post(&server, "/v1/metrics", "application/json", otlp.to_string().as_bytes());
    waits_for(&server, "io_sent_bytes_total", &json!([entry("counter", "Bytes sent.", "bytes")]));

    let text =
        "# HELP lag_seconds How far behind.\n# TYPE lag_seconds gauge\n# UNIT lag_seconds seconds\nlag_seconds 3\n";
    post(&server, "/metrics/job/nightly", "text/plain", text.as_bytes());
    waits_for(&server, "lag_seconds", &json!([entry("gauge", "How far behind.", "seconds")]));
    waits_for(&server, "push_time_seconds", &json!([entry("gauge", "", "")]));
    assert_eq!(told(&server, "system_uptime_seconds"), Some(json!([entry("gauge", "time since boot", "seconds")])));

    // What is in a checkpoint, and what is in the queue behind it, is there again.
    server.program.stop();
    server.start_again();
    server.wait_until_ready();
    waits_for(&server, "lag_seconds", &json!([entry("gauge", "How far behind.", "seconds")]));
    waits_for(
        &server,
        "jobs_done_total",
        &json!([entry("counter", "Jobs done.", "jobs"), entry("counter", "Jobs.", "")]),
    );
    let (_, body) = server.get("/api/v1/targets/metadata?metric=lag_seconds").unwrap();
    assert!(body.contains("How far behind.") && body.contains("\"target\":{}"), "{body}");
}
