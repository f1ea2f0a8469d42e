//! Promise: what other systems' senders bring is stored as they mean it, once, and over a kill of the server.

mod grpc;

use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use weir_tests::{Server, ServerPorts, eventually, free_port};

const PATIENCE: Duration = Duration::from_secs(60);

/// `weir up` with some lines of configuration.
fn start(folder: &tempfile::TempDir, config: &str) -> Server {
    let path = folder.path().join("weir.toml");
    std::fs::write(&path, config).unwrap();
    Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path.display().to_string()])
}

fn millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// Status and body of a request.
fn send(server: &Server, path: &str, content_type: &str, body: &[u8]) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("http://{}{path}", server.ports.http)).header("content-type", content_type);
    let mut response = request.send(body).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// Waits until a query has one value.
fn expect(server: &Server, promql: &str, expected: f64) {
    let mut last = None;
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(promql, PATIENCE, || {
            last = server.number(promql);
            last.filter(|value| (value - expected).abs() < 1e-9)
        })
    }));
    assert!(found.is_ok(), "{promql} is {last:?}, not {expected}");
}

/// Has OpenTelemetry's own exporter send what it measures.
fn export(server: &Server, more: &[&str]) {
    export_to(&format!("http://{}/v1/metrics", server.ports.http), more);
}

fn export_to(url: &str, more: &[&str]) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("protocols/otlp.py");
    let output = Command::new("python3").arg(script).arg(url).args(more).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "OpenTelemetry's SDK is missing or failed: run tests/setup\n{said}");
}

#[test]
fn differences_of_an_exporter_become_totals() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(&folder, "");
    export(&server, &["delta"]);
    let check = |server: &Server| {
        expect(server, "orders_total{job=\"shop/cart\",kind=\"a\"}", 22.0);
        expect(server, "latency_seconds_bucket{le=\"0.5\"}", 5.0);
        expect(server, "latency_seconds_bucket{le=\"+Inf\"}", 6.0);
        expect(server, "latency_seconds_sum", 3.25);
        expect(server, "histogram_count(sum_over_time(size_bytes[1h]))", 103.0);
        expect(server, "histogram_sum(sum_over_time(size_bytes[1h]))", 5_200.0);
    };
    check(&server);
    server.program.kill();
    server.start_again();
    server.wait_until_ready();
    check(&server);
    assert_eq!(server.reading("weir_sink_dropped_total{reason=\"difference\"}"), Some(0.0));
}

#[test]
fn an_otlp_exporter_is_stored_as_it_means_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder, "[otlp]\npromote_resource_attributes = [\"k8s.pod.name\"]\n");
    export(&server, &[]);
    let who = r#"job="shop/cart",instance="c1",k8s_pod_name="p-1",otel_scope_name="shop""#;
    expect(&server, &format!("orders_total{{{who},kind=\"a\"}}"), 7.0);
    expect(&server, &format!("in_flight{{{who}}}"), 2.0);
    expect(&server, &format!("load_ratio{{{who}}}"), 0.5);
    expect(&server, &format!("latency_seconds_bucket{{{who},le=\"0.5\"}}"), 2.0);
    expect(&server, &format!("latency_seconds_bucket{{{who},le=\"+Inf\"}}"), 3.0);
    expect(&server, &format!("latency_seconds_sum{{{who}}}"), 2.5);
    expect(&server, &format!("histogram_count(size_bytes{{{who}}})"), 100.0);
    expect(&server, &format!("histogram_sum(size_bytes{{{who}}})"), 5_050.0);
    let median = server.number(&format!("histogram_quantile(0.5, size_bytes{{{who}}})")).unwrap();
    assert!((median - 50.0).abs() < 1.0, "{median}");
    expect(&server, "target_info{job=\"shop/cart\",instance=\"c1\",host_cpus=\"4\"}", 1.0);
    assert_eq!(server.reading("weir_protocol_refused_total{protocol=\"otlp\",reason=\"malformed\"}"), Some(0.0));
}

#[test]
fn what_was_answered_for_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(&folder, "");
    let json = |at: u32| {
        format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"kept","gauge":{{"dataPoints":[{{"timeUnixNano":"{}000000","asInt":1,"attributes":[{{"key":"at","value":{{"intValue":{at}}}}}]}}]}}}}]}}]}}]}}"#,
            millis()
        )
    };
    for at in 0..50 {
        assert_eq!(send(&server, "/v1/metrics", "application/json", json(at).as_bytes()), (200, "{}".into()));
    }
    server.program.kill();
    server.start_again();
    server.wait_until_ready();
    expect(&server, "count(kept)", 50.0);
}

#[test]
fn lines_of_influxdb_are_stored_and_bad_ones_cost_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder, "");
    let now = millis();
    let lines = format!("cpu,host=a usage=0.5,idle=7i {now}\ncpu,host=b c usage=1 {now}\nmem,host=a value=3 {now}");
    let (status, body) = send(&server, "/write?db=d&precision=ms", "text/plain", lines.as_bytes());
    assert!(status == 400 && body.contains("partial write: line 2: ") && body.contains("dropped=1"), "{body}");
    expect(&server, "cpu_usage{host=\"a\",db=\"d\"}", 0.5);
    expect(&server, "cpu_idle{host=\"a\",db=\"d\"}", 7.0);
    expect(&server, "mem{host=\"a\",db=\"d\"}", 3.0);
    assert_eq!(server.get("/ping").unwrap().0, 204);
    assert_eq!(server.reading("weir_protocol_refused_total{protocol=\"influx\",reason=\"line\"}"), Some(1.0));
}

#[test]
fn a_push_stands_at_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder, "");
    let body = b"# TYPE done counter\ndone{part=\"x\"} 3\nsize 2.5\n";
    assert_eq!(send(&server, "/metrics/job/nightly/zone/a", "application/x-www-form-urlencoded", body).0, 200);
    expect(&server, "last_over_time(done{job=\"nightly\",zone=\"a\",part=\"x\"}[1h])", 3.0);
    expect(&server, "last_over_time(size{job=\"nightly\",zone=\"a\"}[1h])", 2.5);
    expect(&server, "time() - push_time_seconds{job=\"nightly\"} < bool 60", 1.0);
}

#[test]
fn lines_of_graphite_are_stored_and_outlive_a_kill() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_port());
    let mut server = start(&folder, &format!("[listen]\ngraphite = \"{address}\"\n"));
    let mut sender = TcpStream::connect(address).unwrap();
    let now = millis() / 1_000;
    for at in 0..100 {
        writeln!(sender, "servers.a.load;cpu={at} 0.5 {now}").unwrap();
    }
    write!(sender, "no line\n{}\nservers.b.load 2 -1", "x".repeat(20_000)).unwrap();
    drop(sender);
    let counted = |name: &str, expected| {
        eventually(name, PATIENCE, || server.reading(name).filter(|count| *count == expected));
    };
    counted("weir_protocol_samples_total{protocol=\"graphite\"}", 101.0);
    counted("weir_protocol_refused_total{protocol=\"graphite\",reason=\"line\"}", 2.0);
    server.program.kill();
    server.start_again();
    server.wait_until_ready();
    expect(&server, "sum(servers_a_load)", 50.0);
    expect(&server, "servers_b_load", 2.0);
}
