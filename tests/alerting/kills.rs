//! Promise: kills at any instant, and a channel that fails a third of the time, lose no alert and invent none.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use weir_tests::{Agent, Chance, Server, ServerPorts, Webhook, Webhooks};

use crate::{FULL, PATIENCE, assert_no_gap, data, write_config, write_rules};

#[test]
fn kills_and_a_channel_that_fails_lose_no_alert_and_invent_none() {
    let number = |name: &str, usual| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let (kills, seed) = (number("WEIR_ALERT_KILLS", 8), number("WEIR_ALERT_SEED", 11));
    let folder = tempfile::tempdir().unwrap();
    let (webhooks, heartbeats) = (Webhooks::failing(1.0 / 3.0, seed), Webhooks::listen());
    let config = write_config(folder.path(), webhooks.address, heartbeats.address);
    write_rules(folder.path(), FULL);
    let mut server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &config]);
    let agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &["--host", "a"]);
    let (mut chance, mut came) = (Chance::new(seed), Vec::new());
    for kill in 0..kills {
        let (value, state) = if kill % 2 == 0 { (150, "firing") } else { (50, "resolved") };
        agent.emit(&format!("jobs.waiting:{value}|g"), 1);
        // From before the window is sent to after the webhook has come.
        std::thread::sleep(Duration::from_millis(chance.below(5_000)));
        server.program.kill();
        server.start_again();
        server.wait_until_ready();
        wait_for(&webhooks, &mut came, state);
    }
    // What is still on its way comes now, if there is anything.
    while let Some(late) = webhooks.next(Duration::from_secs(3)) {
        came.push(late);
    }
    let mut bodies: BTreeMap<&str, &Value> = BTreeMap::new();
    for one in &came {
        let before = bodies.entry(&one.key).or_insert(&one.body);
        assert_eq!(*before, &one.body, "two bodies under the key {}", one.key);
    }
    // Told in turns, each once under its key: a change that was lost or invented would break the turns.
    let mut told: Vec<(&str, &str)> = Vec::new();
    for one in came.iter().filter(|one| one.taken) {
        if !told.iter().any(|(key, _)| *key == one.key) {
            told.push((&one.key, one.body["status"].as_str().unwrap()));
        }
    }
    let states: Vec<&str> = told.iter().map(|(_, state)| *state).collect();
    let expected: Vec<&str> = ["firing", "resolved"].into_iter().cycle().take(kills as usize).collect();
    assert_eq!(states, expected);
    let refused = came.iter().filter(|one| !one.taken).count();
    println!("{kills} kills, {} requests, {refused} of them refused", came.len());
    let history = data(&server, "/api/v1/alerts/history?limit=10000").unwrap();
    let fired = history["states"].as_array().unwrap().iter().filter(|entry| entry["what"] == "firing").count();
    assert_eq!(fired, states.iter().filter(|state| **state == "firing").count());
    assert_no_gap(&server);
}

/// Takes what comes, until a notification in a state was taken that was not taken before.
fn wait_for(webhooks: &Webhooks, came: &mut Vec<Webhook>, state: &str) {
    let is_new = |one: &Webhook, before: &[Webhook]| {
        one.taken && one.is_about("QueueFull", state) && !before.iter().any(|other| other.taken && other.key == one.key)
    };
    loop {
        let one = webhooks.next(PATIENCE).unwrap_or_else(|| panic!("nothing is told of {state}: {came:#?}"));
        let done = is_new(&one, came);
        came.push(one);
        if done {
            return;
        }
    }
}
