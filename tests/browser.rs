//! Promise: a person who opens the console sees this host's charts draw and change, and silences what fires once it is said what that
//! mutes.

use std::process::Command;
use std::time::Duration;

use weir_tests::{Agent, Fleet, Server, ServerPorts, Webhooks, eventually, free_port};

#[test]
fn charts_draw_and_values_change() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &[]);
    eventually("host metrics", Duration::from_secs(30), || server.number("count(system_cpu_utilization_ratio) > 0"));
    agent.emit("browser.test.clicks:1|c", 5);
    agent.emit("_e{8,11}:Deployed|by the test", 1);
    eventually("the StatsD counter", Duration::from_secs(30), || server.number("browser_test_clicks > 0"));

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../console/test/browser.mjs");
    let output = Command::new("node")
        .args([script, &format!("http://{}", server.ports.http), "browser_test_clicks"])
        .output()
        .expect("node is missing: apt-get install nodejs npm");
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
}

#[test]
fn the_fleet_is_listed_searched_and_leads_to_a_host() {
    with_a_host("fleet.mjs");
}

#[test]
fn dashboards_are_opened_imported_and_saved() {
    with_a_host("dashboards.mjs");
}

/// Runs a script against a server with one host, whose name the script is given.
fn with_a_host(script: &str) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let _agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &[]);
    run_with_the_host(script, &server);
}

fn run_with_the_host(script: &str, server: &Server) {
    eventually("host metrics", Duration::from_secs(30), || server.number("count(system_cpu_utilization_ratio) > 0"));
    let (_, hosts) = server.get("/api/v1/agents").expect("agents");
    let hosts: serde_json::Value = serde_json::from_str(&hosts).unwrap();
    let host = hosts["data"]["agents"][0]["host"].as_str().expect("the agent's host").to_owned();
    let script = format!("{}/../console/test/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("node")
        .args([&script, &format!("http://{}", server.ports.http), &host])
        .output()
        .expect("node is missing: apt-get install nodejs npm");
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
}

#[test]
fn what_fires_is_seen_silenced_and_heard_again() {
    let folder = tempfile::tempdir().unwrap();
    let webhooks = Webhooks::listen();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("weir.toml", "[alerting]\nrules = ['rules.yml']\nconfig = 'routes.yml'\ninterval = '1s'\n");
    let odd = "'<img src=x onerror=alert(1)>'";
    write(
        "rules.yml",
        &format!("groups: [{{name: g, rules: [{{alert: QueueFull, expr: vector(1), labels: {{team: {odd}}}}}]}}]"),
    );
    let route = "route: {receiver: ops, group_wait: 100ms}";
    let receiver = format!("{{name: ops, webhook_configs: [{{url: 'http://{}/'}}]}}", webhooks.address);
    write("routes.yml", &format!("{route}\nreceivers: [{receiver}]\n"));
    let config = folder.path().join("weir.toml").display().to_string();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &config]);
    webhooks.next(Duration::from_secs(60)).expect("a notification");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../console/test/alerts.mjs");
    let output = Command::new("node")
        .args([script, &format!("http://{}", server.ports.http), "QueueFull"])
        .output()
        .expect("node is missing: apt-get install nodejs npm");
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
}

#[test]
fn every_page_is_of_use_to_a_screen_reader_and_to_weak_eyes() {
    let folder = tempfile::tempdir().unwrap();
    let webhooks = Webhooks::listen();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("weir.toml", "[alerting]\nrules = ['rules.yml']\nconfig = 'routes.yml'\ninterval = '1s'\n");
    write(
        "rules.yml",
        "groups: [{name: host, rules: [{alert: Always, expr: vector(1)}, {record: always, expr: vector(1)}]}]",
    );
    let receiver = format!("{{name: ops, webhook_configs: [{{url: 'http://{}/'}}]}}", webhooks.address);
    write("routes.yml", &format!("route: {{receiver: ops, group_wait: 100ms}}\nreceivers: [{receiver}]\n"));
    let config = folder.path().join("weir.toml").display().to_string();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &config]);
    let _agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &[]);
    run_with_the_host("axe.mjs", &server);
}

/// `make large`: each agent sends once a minute, so that all are known after one.
#[test]
#[ignore = "takes two minutes and a GiB: make large"]
fn a_hundred_thousand_hosts_paint_at_once_and_refresh_briefly() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let (keys, batch) = (server.keys().display().to_string(), server.ports.batch.to_string());
    let load = ["--agents", "100000", "--metrics", "1", "--interval", "60s", "--duration", "900s"];
    let args = [&load[..], &["--keys", &keys, "--server", &batch]].concat();
    let _fleet = Fleet::start(folder.path(), "fleet", &args.into_iter().map(str::to_owned).collect::<Vec<_>>());
    eventually("all agents", Duration::from_secs(400), || {
        let (_, told) = server.get("/api/v1/status/fleet")?;
        let told: serde_json::Value = serde_json::from_str(&told).ok()?;
        (told["data"]["agents"].as_u64()? >= 100_000).then_some(())
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../console/test/large.mjs");
    let output = Command::new("node")
        .args([script, &format!("http://{}", server.ports.http), "99000"])
        .output()
        .expect("node is missing: apt-get install nodejs npm");
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
}

/// `make pictures`: those of docs/console.md, of a fleet that is simulated and hosts whose week is made up.
#[test]
#[ignore = "writes docs/console/*.png: make pictures"]
fn pictures_of_every_page() {
    let folder = tempfile::tempdir().unwrap();
    let webhooks = Webhooks::listen();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("weir.toml", "[alerting]\nrules = ['rules.yml']\nconfig = 'routes.yml'\ninterval = '10s'\n");
    write("rules.yml", DEMO_RULES);
    let receiver = format!("{{name: ops, webhook_configs: [{{url: 'http://{}/'}}]}}", webhooks.address);
    write(
        "routes.yml",
        &format!("route: {{receiver: ops, group_wait: 1s, group_by: [alertname]}}\nreceivers: [{receiver}]\n"),
    );
    let config = folder.path().join("weir.toml").display().to_string();
    let statsd = free_port().to_string();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &config, "--statsd", &statsd]);
    let (keys, batch) = (server.keys().display().to_string(), server.ports.batch.to_string());
    let args = ["--agents", "600", "--metrics", "8", "--duration", "900s", "--keys", &keys, "--server", &batch];
    let _fleet = Fleet::start(folder.path(), "fleet", &args.map(str::to_owned));
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/console");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../console/test/pictures.mjs");
    let output = Command::new("node")
        .args([script, &format!("http://{}", server.ports.http), &statsd, target])
        .output()
        .expect("node is missing: apt-get install nodejs npm");
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
}

const DEMO_RULES: &str = r#"groups:
  - name: hosts
    interval: 30s
    rules:
      - alert: CpuBusy
        expr: 1 - system_cpu_utilization_ratio{cpu_mode="idle",host=~"(db|web)-[0-9]"} > 0.8
        for: 1m
        labels: {severity: page, team: storage}
        annotations: {summary: "{{ $labels.host }} is {{ $value | humanizePercentage }} busy."}
      - alert: FilesystemFull
        expr: system_filesystem_utilization_ratio{system_filesystem_mountpoint="/var"} > 0.7
        labels: {severity: ticket, team: infra}
        annotations: {summary: "/var of {{ $labels.host }} is full to {{ $value | humanizePercentage }}."}
      - alert: HostSilent
        expr: absent(system_cpu_utilization_ratio{host="web-4", cpu_mode="idle"})
        for: 10m
        labels: {severity: ticket, team: infra}
        annotations: {summary: "web-4 sends nothing."}
      - record: host:cpu_busy:ratio
        expr: 1 - system_cpu_utilization_ratio{cpu_mode="idle"}
"#;
