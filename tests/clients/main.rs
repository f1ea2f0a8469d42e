//! Promise: what the StatsD clients of docs/clients.md send is stored as they mean it, by UDP and by a Unix socket.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use weir_tests::{Agent, Server, eventually};

#[test]
fn what_pythons_clients_send_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let socket = folder.path().join("datagram.sock").display().to_string();
    let more = ["--host", "web-1", "--statsd-datagram", &socket];
    let agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &more);
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients/statsd.py");
    let port = agent.statsd.port().to_string();
    let output = Command::new("python3").arg(script).args([&port, &socket]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "a client is missing or failed: run tests/setup\n{said}");
    let check = |promql: &str, expected: f64| {
        let mut last = None;
        eventually(&format!("{promql} to be {expected}"), Duration::from_secs(60), || {
            last = server.number(promql);
            last.filter(|value| (value - expected).abs() < 1e-9)
        });
    };
    check(r#"dog_hits{host="web-1",shop="a",bare="true"}"#, 3.0);
    check("dog_load", 0.5);
    check("histogram_sum(sum_over_time(dog_wait[10m]))", 12.5);
    check("max_over_time(dog_users[10m])", 1.0);
    check("sock_hits", 4.0);
    check("plain_hits", 2.0);
    check("plain_load", 7.0);
    check("histogram_sum(sum_over_time(plain_wait[10m]))", 320.0);
    check("plain_piped", 2.0);
    assert_eq!(server.number("sum(weir_agent_statsd_refused_lines_total) or vector(0)"), Some(0.0));
}
