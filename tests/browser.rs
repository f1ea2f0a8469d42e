//! Promise: a person who opens the console sees this host's charts draw and change, and silences what fires once it is said what that
//! mutes.

use std::process::Command;
use std::time::Duration;

use weir_tests::{Agent, Server, ServerPorts, Webhooks, eventually, program};

#[test]
fn charts_draw_and_values_change() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &[]);
    eventually("host metrics", Duration::from_secs(30), || server.number("count(system_cpu_utilization_ratio) > 0"));
    agent.emit("browser.test.clicks:1|c", 5);
    agent.emit("_e{8,11}:Deployed|by the test", 1);
    eventually("the StatsD counter", Duration::from_secs(30), || server.number("browser_test_clicks > 0"));

    server.is_used_by("browser.mjs", &["browser_test_clicks"]);
}

#[test]
fn the_fleet_is_listed_searched_and_leads_to_a_host() {
    with_a_host("fleet.mjs");
}

#[test]
fn dashboards_are_opened_imported_and_saved() {
    with_a_host("dashboards.mjs");
}

#[test]
fn times_are_written_by_the_clock_that_is_chosen() {
    with_a_host("clock.mjs");
}

#[test]
fn a_metric_is_looked_for_and_found() {
    with_a_host("why.mjs");
}

#[test]
fn a_token_is_given_says_whose_it_is_and_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let weir = |args: &[&str]| {
        let output = Command::new(program("weir")).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    weir(&["token", "key", &path("ops")]);
    std::fs::write(path("weir.toml"), format!("[identity]\ntoken_keys = [{:?}]\n", path("ops.pem"))).unwrap();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);
    let token = weir(&["token", "issue", "--key", &path("ops.key"), "--sub", "ann", "--scope", "read"]);
    let _agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &[]);
    eventually("host metrics", Duration::from_secs(30), || {
        let (_, names) = server.ask("/api/v1/label/__name__/values", Some(&token))?;
        names.contains("system_cpu_utilization_ratio").then_some(())
    });
    server.is_used_by("bearer.mjs", &[&*token, "ann"]);
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
    server.is_used_by(script, &[&*host]);
}

#[test]
fn what_fires_is_seen_silenced_and_heard_again() {
    let folder = tempfile::tempdir().unwrap();
    let webhooks = Webhooks::listen();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "weir.toml",
        "[alerting]\nrules = ['rules.yml']\nsave_rules = true\nconfig = 'routes.yml'\ninterval = '1s'\n",
    );
    let odd = "'<img src=x onerror=alert(1)>'";
    write(
        "rules.yml",
        &format!(
            "# Kept by ops.\ngroups:\n- name: g\n  rules:\n  - alert: QueueFull\n    expr: vector(1)\n    labels: {{team: {odd}}}\n"
        ),
    );
    let route = "route: {receiver: ops, group_wait: 100ms}";
    let receiver = format!("{{name: ops, webhook_configs: [{{url: 'http://{}/'}}]}}", webhooks.address);
    write("routes.yml", &format!("{route}\nreceivers: [{receiver}]\n"));
    let config = folder.path().join("weir.toml").display().to_string();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &config]);
    webhooks.next(Duration::from_secs(60)).expect("a notification");
    server.is_used_by("alerts.mjs", &["QueueFull"]);
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
