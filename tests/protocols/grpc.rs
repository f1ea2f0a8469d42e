//! OTLP over gRPC, called by gRPC's own library.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use weir_tests::{Program, Server, ServerPorts, eventually, free_port, program, start_role};

use super::{PATIENCE, expect, export_to};

/// What came of a call, in the words of `calls.py`.
fn call(address: SocketAddr, kind: &str, more: &[&str]) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("protocols/calls.py");
    let output = Command::new("python3").arg(script).arg(address.to_string()).arg(kind).args(more).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gRPC of Python is missing or failed: run tests/setup\n{said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn weir(args: &[&str]) -> String {
    let output = Command::new(program("weir")).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A key for tokens in a folder, and `weir.toml`'s lines that name it.
fn tokens(folder: &Path) -> String {
    let key = folder.join("ops").display().to_string();
    weir(&["token", "key", &key]);
    format!("[identity]\ntoken_keys = [\"{key}.pem\"]\n")
}

fn token(folder: &Path, tenant: &str, scope: &str) -> String {
    let key = folder.join("ops.key").display().to_string();
    weir(&["token", "issue", "--key", &key, "--sub", "exporter", "--tenant", tenant, "--scope", scope])
}

#[test]
fn an_exporter_by_grpc_is_stored_as_it_means_it_and_outlives_a_kill() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_port());
    let grpc = ["--otlp-grpc", &address.to_string()];
    let mut server = Server::start_on(folder.path(), ServerPorts::free(), &grpc);
    export_to(&format!("grpc://{address}"), &["delta"]);
    assert_eq!(call(address, "packed", &[]), "OK rejected 1");
    server.program.kill();
    server.start_again();
    server.wait_until_ready();
    expect(&server, "orders_total{job=\"shop/cart\",kind=\"a\"}", 22.0);
    expect(&server, "latency_seconds_bucket{le=\"+Inf\"}", 6.0);
    expect(&server, "histogram_sum(sum_over_time(size_bytes[1h]))", 5_200.0);
    expect(&server, "in_flight", 2.0);
    expect(&server, "called", 4.5);
}

#[test]
fn calls_are_refused_by_the_status_that_says_whether_to_call_again() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_port());
    let config = folder.path().join("weir.toml");
    std::fs::write(&config, format!("[listen]\notlp_grpc = \"{address}\"\n{}", tokens(folder.path()))).unwrap();
    let config = ["--config", &config.display().to_string()];
    let server = Server::start_on(folder.path(), ServerPorts::free(), &config);
    let (ingest, read) = (token(folder.path(), "3", "ingest"), token(folder.path(), "3", "read"));
    let check = |kind: &str, token: Option<&str>, expected: &str| {
        let more: Vec<&str> = token.iter().flat_map(|token| ["--token", token]).collect();
        assert_eq!(call(address, kind, &more), expected, "{kind}");
    };
    check("point", None, "UNAUTHENTICATED");
    check("point", Some(&read), "PERMISSION_DENIED");
    check("point", Some(&ingest), "OK rejected 1");
    check("deflated", Some(&ingest), "UNIMPLEMENTED");
    check("unknown", Some(&ingest), "UNIMPLEMENTED");
    check("garbage", Some(&ingest), "INVALID_ARGUMENT");
    check("large", Some(&ingest), "RESOURCE_EXHAUSTED");
    let seen = |token: &str| {
        let (status, body) = server.ask("/api/v1/query?query=called", Some(token)).unwrap();
        assert_eq!(status, 200, "{body}");
        body.contains("\"4.5\"")
    };
    eventually("the point in its tenant", PATIENCE, || seen(&read).then_some(()));
    assert!(!seen(&token(folder.path(), "4", "read")));
    let refused = |reason: &str| {
        server.reading(&format!("weir_protocol_refused_total{{protocol=\"otlp\",reason=\"{reason}\"}}")).unwrap()
    };
    // What is of no service or without a token never came to be counted.
    assert_eq!(["malformed", "too_large"].map(refused), [2.0, 1.0]);
}

#[test]
fn calls_go_over_tls_where_the_api_does() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_port());
    let path = |name: &str| folder.path().join(name).display().to_string();
    weir(&["certs", "dev", &path("certs")]);
    let tls = format!("certificates = {:?}\nkey = {:?}", path("certs/server.pem"), path("certs/server.key"));
    std::fs::write(path("weir.toml"), format!("[tls]\n{tls}\nhttp = true\n{}", tokens(folder.path()))).unwrap();
    let ports = ServerPorts::free();
    let [http, batch, grpc] = [ports.http, ports.batch, address].map(|address| address.to_string());
    let (config, data) = (path("weir.toml"), path("server"));
    let args = ["up", "--statsd", "off", "--config", &config, "--data", &data, "--http", &http, "--batch", &batch];
    let args: Vec<String> = [&args[..], &["--otlp-grpc", &grpc]].concat().into_iter().map(str::to_owned).collect();
    let _server = Program::start("weir", &args, Path::new(&path("log")));
    eventually("the port", PATIENCE, || TcpStream::connect(address).ok());
    let (ca, ingest) = (path("certs/ca.pem"), token(folder.path(), "3", "ingest"));
    assert_eq!(call(address, "point", &["--ca", &ca, "--token", &ingest]), "OK rejected 1");
    assert_eq!(call(address, "point", &["--ca", &ca]), "UNAUTHENTICATED");
    // Without TLS there is no connection at all.
    assert_eq!(call(address, "point", &["--token", &ingest]), "UNAVAILABLE");
}

#[test]
fn while_the_sink_stands_still_a_call_is_told_when_to_come_again() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_port());
    let config = "[queue]\nmax_behind_s = 2\n[sink]\ncheckpoint_interval_s = 2\nlateness_s = 1\n";
    std::fs::write(folder.path().join("weir.toml"), config).unwrap();
    let grpc = ["--statsd", "off", "--otlp-grpc", &address.to_string()];
    let gateway = start_role(folder.path(), "gateway", "g1", &grpc);
    let sink = start_role(folder.path(), "sink", "sink", &[]);
    assert_eq!(call(address, "point", &[]), "OK rejected 1");
    expect(&sink, "called", 4.5);
    sink.program.signal(Signal::STOP);
    let refused = eventually("a call to be turned away", PATIENCE, || {
        Some(call(address, "point", &[])).filter(|came| !came.starts_with("OK"))
    });
    assert!(refused.starts_with("UNAVAILABLE again "), "{refused}");
    assert!(gateway.reading(r#"weir_protocol_refused_total{protocol="otlp",reason="behind"}"#).unwrap() >= 1.0);
    sink.program.signal(Signal::CONT);
    eventually("calls to be taken again", PATIENCE, || call(address, "point", &[]).starts_with("OK").then_some(()));
}
