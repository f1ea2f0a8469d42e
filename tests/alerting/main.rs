//! Promise: what a rule finds reaches a person, once the window in which it happened is over, and a kill in between loses nothing.

mod clocks;
mod kills;
mod shipped;
mod stall;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use weir_tests::{Agent, Server, ServerPorts, Webhook, Webhooks, eventually, seconds_now};

const PATIENCE: Duration = Duration::from_secs(60);

/// A configuration with rules and one webhook.
fn write_config(folder: &Path, webhooks: SocketAddr, heartbeats: SocketAddr) -> String {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    std::fs::create_dir_all(folder.join("rules")).unwrap();
    let heartbeat = format!("heartbeat = 'http://{heartbeats}/ping'\n");
    write(
        "weir.toml",
        &format!("[alerting]\nrules = ['rules/*.yml']\nconfig = 'routes.yml'\ninterval = '1s'\n{heartbeat}"),
    );
    let times = "group_wait: 100ms, group_interval: 300ms, repeat_interval: 1h";
    let route = format!("route: {{receiver: ops, group_by: [alertname], {times}}}\n");
    write(
        "routes.yml",
        &format!("{route}receivers:\n  - name: ops\n    webhook_configs:\n      - url: http://{webhooks}/\n"),
    );
    folder.join("weir.toml").display().to_string()
}

fn write_rules(folder: &Path, rules: &str) {
    std::fs::write(folder.join("rules/jobs.yml"), format!("groups:\n  - name: jobs\n    rules:\n{rules}")).unwrap();
}

const FULL: &str = "      - record: jobs:waiting:sum
        expr: sum(jobs_waiting)
      - alert: QueueFull
        expr: jobs:waiting:sum > 100
        for: 1s
        labels: {severity: page}
        annotations: {summary: '{{ $value }} jobs wait'}
";
const ODD: &str = "      - {alert: QueueOdd, expr: jobs_waiting == 7}\n";

/// The next notification about an alert in a state.
fn next(webhooks: &Webhooks, alert: &str, status: &str) -> Webhook {
    loop {
        let came = webhooks.next(PATIENCE).unwrap_or_else(|| panic!("no webhook about {alert} {status}"));
        if came.is_about(alert, status) {
            return came;
        }
    }
}

/// Answers of the API; `None` while there is none.
fn data(server: &Server, path: &str) -> Option<Value> {
    let (status, body) = server.get(path)?;
    let answer: Value = serde_json::from_str(&body).ok()?;
    (status == 200).then(|| answer["data"].clone())
}

fn alerts(server: &Server) -> Option<Vec<String>> {
    let data = data(server, "/api/v1/alerts")?;
    let alerts = data["alerts"].as_array()?.iter();
    let told = alerts.map(|alert| format!("{} {}", alert["labels"]["alertname"], alert["state"]).replace('"', ""));
    Some(told.collect())
}

#[test]
fn a_breach_reaches_the_webhook_and_kills_and_reloads_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let webhooks = Webhooks::listen();
    let heartbeats = Webhooks::listen();
    let config = write_config(folder.path(), webhooks.address, heartbeats.address);
    write_rules(folder.path(), FULL);
    let mut server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &config]);
    let mut agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &["--host", "a"]);
    agent.emit("jobs.waiting:50|g", 1);
    eventually("what a rule records to be queryable", PATIENCE, || {
        (server.number("jobs:waiting:sum") == Some(50.0)).then_some(())
    });
    assert_eq!(alerts(&server), Some(Vec::new()));
    heartbeats.next(PATIENCE).expect("a heartbeat while all gets on");

    agent.emit("jobs.waiting:150|g", 1);
    let Webhook { body, key, at, .. } = next(&webhooks, "QueueFull", "firing");
    assert_eq!((&body["version"], &body["receiver"]), (&"4".into(), &"ops".into()));
    let alert = &body["alerts"][0];
    assert_eq!(
        (&alert["labels"]["severity"], &alert["annotations"]["summary"]),
        (&"page".into(), &"150 jobs wait".into())
    );
    assert!(!key.is_empty());
    assert_eq!(alerts(&server), Some(vec!["QueueFull firing".to_owned()]));
    // A window of a second, the rule's second, its `for`, the group's wait: the rest is what Weir takes.
    let window = first_sample_above(&server, 100.0);
    println!("from the end of the window of the breach to the webhook: {:.2} s, 1 s of it `for`", at - window);

    // Killed while it fires: it goes on to fire, and nobody is told twice under another key.
    server.program.kill();
    server.start_again();
    server.wait_until_ready();
    agent.emit("jobs.waiting:40|g", 1);
    let Webhook { body, .. } = next(&webhooks, "QueueFull", "resolved");
    assert_eq!(body["alerts"][0]["status"], "resolved");
    eventually("no alert", PATIENCE, || (alerts(&server)? == Vec::<String>::new()).then_some(()));
    let history = data(&server, "/api/v1/alerts/history").unwrap();
    let told: Vec<_> = history["states"].as_array().unwrap().iter().map(|entry| entry["what"].clone()).collect();
    assert_eq!(told.iter().filter(|what| **what == "firing").count(), 1, "{told:?}");
    assert_no_gap(&server);

    // A bad file changes nothing, a good one is taken up.
    write_rules(folder.path(), "      - {alert: QueueOdd, expr: 'jobs_waiting =='}\n");
    eventually("the bad file to be told", PATIENCE, || {
        (server.reading("weir_alert_bad_rule_files") == Some(1.0)).then_some(())
    });
    assert_eq!(server.reading("weir_alert_rules"), Some(2.0));
    write_rules(folder.path(), &format!("{FULL}{ODD}"));
    eventually("the good one", PATIENCE, || (server.reading("weir_alert_rules") == Some(3.0)).then_some(()));
    agent.emit("jobs.waiting:7|g", 1);
    next(&webhooks, "QueueOdd", "firing");

    // A change that cannot be seen from outside is taken up on SIGHUP.
    let file = std::fs::File::open(folder.path().join("rules/jobs.yml")).unwrap();
    let before = file.metadata().unwrap().modified().unwrap();
    write_rules(folder.path(), &format!("{FULL}{ODD}").replace("== 7", "== 8"));
    std::fs::File::open(folder.path().join("rules/jobs.yml")).unwrap().set_modified(before).unwrap();
    server.program.signal(rustix::process::Signal::HUP);
    eventually("the other rule", PATIENCE, || {
        let (_, rules) = server.get("/api/v1/rules?rule_name[]=QueueOdd")?;
        rules.contains("jobs_waiting == 8").then_some(())
    });
    // A gateway waits for agents that are still there.
    assert!(agent.program.stop().success() && server.program.stop().success());
}

#[test]
fn what_cannot_be_used_at_the_start_is_told_and_waited_for_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (webhooks, heartbeats) = (Webhooks::listen(), Webhooks::listen());
    let config = write_config(folder.path(), webhooks.address, heartbeats.address);
    write_rules(folder.path(), "      - {alert: Always, expr: vector(1)}\n");
    let routes = std::fs::read_to_string(folder.path().join("routes.yml")).unwrap();
    std::fs::write(folder.path().join("routes.yml"), routes.replace("receiver: ops", "receiver: nobody")).unwrap();
    let state = folder.path().join("states");
    let with_state = std::fs::read_to_string(&config).unwrap() + "state = 'states/alerts.redb'\n";
    std::fs::write(&config, with_state).unwrap();
    let mut server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &config]);
    let says = |text: &str| {
        let said = || server.get("/readyz").filter(|(status, said)| *status == 200 && said.contains(text));
        eventually(text, PATIENCE, said);
    };
    says("alerting stands, and tries again: ");
    says("nobody is told of alerts until this is mended: ");
    says("routes.yml:1:");
    std::fs::create_dir(state).unwrap();
    eventually("the alert", PATIENCE, || (alerts(&server)? == ["Always firing"]).then_some(()));
    std::fs::write(folder.path().join("routes.yml"), routes).unwrap();
    next(&webhooks, "Always", "firing");
    eventually("no word of it", PATIENCE, || (server.get("/readyz")?.1 == "ready\n").then_some(()));
    assert!(server.program.stop().success());
}

#[test]
fn alone_it_evaluates_over_another_system_and_writes_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &["--host", "a"]);
    let (webhooks, heartbeats) = (Webhooks::listen(), Webhooks::listen());
    let config = write_config(folder.path(), webhooks.address, heartbeats.address);
    let source = format!("source = 'http://{0}'\nwrite = 'http://{0}/api/v1/write'\n", server.ports.http);
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap() + &source).unwrap();
    let rules = format!("groups:\n  - name: jobs\n    query_offset: 2s\n    rules:\n{FULL}");
    std::fs::write(folder.path().join("rules/jobs.yml"), rules).unwrap();
    let ports = ServerPorts::free();
    let mut alone = Server::start_as("alert", folder.path().join("alone"), ports, &["--config", &config]);
    agent.emit("jobs.waiting:150|g", 1);
    let Webhook { body, .. } = next(&webhooks, "QueueFull", "firing");
    assert_eq!(body["alerts"][0]["annotations"]["summary"], "150 jobs wait");
    eventually("what a rule recorded to be there", PATIENCE, || {
        (server.number("jobs:waiting:sum") == Some(150.0)).then_some(())
    });
    assert_eq!(alerts(&alone), Some(vec!["QueueFull firing".to_owned()]));
    assert_eq!(server.number("ALERTS{alertstate='firing'}"), Some(1.0));
    assert!(alone.program.stop().success());
}

#[test]
fn a_sink_without_a_gateway_beside_it_has_a_log_for_what_rules_record() {
    let folder = tempfile::tempdir().unwrap();
    let (webhooks, heartbeats) = (Webhooks::listen(), Webhooks::listen());
    let config = write_config(folder.path(), webhooks.address, heartbeats.address);
    write_rules(folder.path(), "      - {record: one, expr: vector(1)}\n");
    let queue = folder.path().join("queue").display().to_string();
    let more = ["--config", &config, "--queue", &queue];
    let sink = Server::start_as("sink", folder.path().join("sink"), ServerPorts::free(), &more);
    // Nobody sends, so rules are evaluated half a minute behind the clock.
    let at = seconds_now();
    eventually("a recorded sample", PATIENCE, || sink.number("last_over_time(one[1m])"));
    let written = sink.query("one[2m]").unwrap()[0]["values"][0][0].as_f64().unwrap();
    assert!((20.0..40.0).contains(&(at - written)), "{}", at - written);
}

/// When the first sample over a bound was taken.
fn first_sample_above(server: &Server, bound: f64) -> f64 {
    let series = server.query("jobs_waiting[1h]").unwrap();
    let samples = series[0]["values"].as_array().unwrap().iter();
    let value = |sample: &Value| sample[1].as_str().unwrap().parse::<f64>().unwrap();
    samples.filter(|sample| value(sample) > bound).map(|sample| sample[0].as_f64().unwrap()).next().unwrap()
}

/// The rule is evaluated every second of event time, and has left a sample at each.
fn assert_no_gap(server: &Server) {
    let times = eventually("some evaluations", PATIENCE, || {
        let series = server.query("jobs:waiting:sum[1h]")?;
        let times: Vec<f64> = series[0]["values"].as_array()?.iter().filter_map(|sample| sample[0].as_f64()).collect();
        (times.len() > 8).then_some(times)
    });
    let gaps: Vec<_> = times.windows(2).filter(|pair| (pair[1] - pair[0] - 1.0).abs() > 1e-3).collect();
    assert!(gaps.is_empty(), "{gaps:?}");
}
