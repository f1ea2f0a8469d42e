//! Promise: a person who opens the console sees this host's charts draw and change.

use std::process::Command;
use std::time::Duration;

use weir_tests::{Agent, Server, eventually};

#[test]
fn charts_draw_and_values_change() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &[]);
    eventually("host metrics", Duration::from_secs(30), || server.number("count(system_cpu_utilization_ratio) > 0"));
    agent.emit("browser.test.clicks:1|c", 5);
    eventually("the StatsD counter", Duration::from_secs(30), || server.number("browser_test_clicks > 0"));

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../console/test/browser.mjs");
    let output = Command::new("node")
        .args([script, &format!("http://{}", server.ports.http), "browser_test_clicks"])
        .output()
        .expect("node is missing: apt-get install nodejs npm");
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
}
