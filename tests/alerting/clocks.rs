//! Promise: a server whose clock is set for some seconds resolves nothing, invents nothing and evaluates no instant twice.

use std::time::Duration;

use serde_json::Value;
use weir_tests::{Agent, Board, Server, Switch, Webhooks, eventually, seconds_now};

use crate::{PATIENCE, alerts, assert_no_gap, data, next, write_config, write_rules};

const RULES: &str = "      - {record: 'jobs:waiting:sum', expr: sum(jobs_waiting)}
      - {alert: Steady, expr: jobs_steady == 1}
      - {alert: Gone, expr: absent(jobs_steady)}
      - {alert: Breach, expr: jobs_waiting > 100, for: 4s}
";

fn steps_of(step_ms: i64) {
    let folder = tempfile::tempdir().unwrap();
    let (webhooks, heartbeats) = (Webhooks::listen(), Webhooks::listen());
    let config = write_config(folder.path(), webhooks.address, heartbeats.address);
    write_rules(folder.path(), RULES);
    let board = Board::new(folder.path(), "server");
    let server = Server::start_under(&board, folder.path(), &["--config", &config]);
    let agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &["--host", "a"]);
    agent.emit("jobs.steady:1|g\njobs.waiting:50|g", 1);
    next(&webhooks, "Steady", "firing");
    eventually("nothing else to fire", PATIENCE, || (alerts(&server)? == ["Steady firing"]).then_some(()));
    eventually("some evaluations", PATIENCE, || server.number("count_over_time(jobs:waiting:sum[1m]) > 3"));

    let began = seconds_now();
    board.set(Switch::ClockMs, step_ms);
    std::thread::sleep(Duration::from_secs(6));
    board.set(Switch::ClockMs, 0);
    std::thread::sleep(Duration::from_secs(2));
    agent.emit("jobs.waiting:150|g", 1);
    let fired = next(&webhooks, "Breach", "firing");
    assert!(fired.at - began < 30.0, "told {} s after the step", fired.at - began);

    let history = data(&server, "/api/v1/alerts/history").unwrap();
    let since = |entry: &&Value| entry["at_ms"].as_f64().is_some_and(|at| at > began * 1e3);
    let states = history["states"].as_array().unwrap().iter().filter(since);
    let changes: Vec<_> =
        states.map(|entry| format!("{} {}", entry["labels"]["alertname"].as_str().unwrap(), entry["what"])).collect();
    assert_eq!(changes, ["Breach \"pending\"", "Breach \"firing\""], "{history:#}");
    assert_no_gap(&server);
}

#[test]
fn a_server_whose_clock_is_ahead_for_some_seconds_invents_nothing() {
    steps_of(600_000);
}

#[test]
fn a_server_whose_clock_is_behind_for_some_seconds_loses_nothing() {
    steps_of(-600_000);
}
