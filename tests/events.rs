//! Promise: DogStatsD's events and service checks travel as batches do: what an agent has taken is found once at
//! `/api/v1/events`, whoever is killed meanwhile, and so is what comes without an agent.

#![allow(clippy::unwrap_used)]

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use weir_tests::{Agent, Server, ServerPorts, eventually, free_port, program, start_role};

const PATIENCE: Duration = Duration::from_secs(60);
const EVENTS: usize = 60;

#[test]
fn events_are_found_once_over_kills_of_agent_and_sink() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = start_role(folder.path(), "gateway", "gateway", &[]);
    let mut sink = start_role(folder.path(), "sink", "sink", &[]);
    let keys = folder.path().join("fleet.keys");
    let mut agent = Agent::start(folder.path(), &gateway.ports.batch.to_string(), &keys, &[]);
    for number in 0..EVENTS {
        agent.emit(&format!("_e{{8,4}}:event {number:02}|text|p:low|t:warning|s:test|#env:prod,n:{number}"), 1);
        agent.emit("_sc|db|2|#env:prod|m:gone", 1);
        std::thread::sleep(Duration::from_millis(100));
        match number {
            15 => {
                sink.program.kill();
                sink.start_again();
            }
            30 => {
                let taken = |agent: &Agent| agent.reading("weir_agent_statsd_events_total");
                eventually("all lines to be taken", PATIENCE, || taken(&agent).filter(|taken| *taken == 31.0));
                // Their window ends, and they are in the spool.
                std::thread::sleep(Duration::from_millis(1_500));
                gateway.program.kill();
                agent.program.kill();
                agent.start_again();
                gateway.start_again();
            }
            45 => {
                sink.program.kill();
                sink.start_again();
            }
            _ => {}
        }
    }
    let found = |query: &str| found(&sink, query);
    eventually("all events to be there", PATIENCE, || (found("kind=event").len() >= EVENTS).then_some(()));
    eventually("all checks to be there", PATIENCE, || (found("kind=service_check").len() >= EVENTS).then_some(()));
    let events = found("tags=env:prod&priority=low&alert_type=warning&source=test");
    let mut titles: Vec<_> = events.iter().map(|event| event["title"].as_str().unwrap().to_owned()).collect();
    titles.sort();
    assert_eq!(titles, (0..EVENTS).map(|number| format!("event {number:02}")).collect::<Vec<_>>());
    let host = events[0]["host"].as_str().unwrap();
    assert!(!host.is_empty() && events.iter().all(|event| event["host"] == host && event["tenant"] == 0));
    assert_eq!(found("kind=service_check&status=critical&tags=env:prod").len(), EVENTS);
    assert_eq!(sink.number(r#"max(statsd_service_check{check="db"})"#), Some(2.0));
    assert_eq!(found("tags=n:7")[0]["text"], "text");
    let (status, body) = sink.get("/api/v1/events?alert_type=fatal").unwrap();
    assert!(status == 400 && body.contains("bad_data"), "{status} {body}");
    assert!(gateway.program.is_running());
}

#[test]
fn what_comes_without_an_agent_is_found_too_and_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let statsd = free_port().to_string();
    let mut server = Server::start_on(folder.path(), ServerPorts::free(), &["--statsd", &statsd]);
    let text = "long ".repeat(1_000);
    let emit = |line: &str| {
        let output = Command::new(program("weir")).args(["emit", "--to", &statsd, line]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let long = format!("_e{{4,{}}}:text|{text}|h:db-1|k:roll", text.len());
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(long.as_bytes(), &statsd).unwrap();
    emit("_sc|web|1|h:web-1");
    eventually("both to be there", PATIENCE, || (found(&server, "kind=").len() == 2).then_some(()));
    server.program.kill();
    server.start_again();
    server.wait_until_ready();
    let event = eventually("the event", PATIENCE, || found(&server, "host=db-1&aggregation_key=roll").pop());
    assert_eq!((event["text"].as_str(), &event["text_is_cut"]), (Some(text.as_str()), &Value::Bool(false)));
    let check = eventually("the check", PATIENCE, || found(&server, "host=web-1&status=warning").pop());
    assert_eq!((&check["title"], &check["alert_type"]), (&Value::from("web"), &Value::from("warning")));
    eventually("each once", PATIENCE, || (found(&server, "").len() == 2).then_some(()));
    assert!(server.program.stop().success());
}

#[test]
fn a_restored_backup_has_its_events() {
    let (folder, statsd) = (tempfile::tempdir().unwrap(), free_port().to_string());
    let weir = |args: &[&str]| {
        let output = Command::new(program("weir")).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let mut server = Server::start_on(folder.path(), ServerPorts::free(), &["--statsd", &statsd]);
    weir(&["emit", "--to", &statsd, "_e{6,4}:before|text|h:web-1"]);
    eventually("the event", PATIENCE, || (found(&server, "").len() == 1).then_some(()));
    assert!(server.program.stop().success(), "a checkpoint is made");
    let (data, backup) = (server.data.display().to_string(), format!("file://{}", folder.path().join("b").display()));
    std::fs::create_dir(folder.path().join("b")).unwrap();
    weir(&["store", "backup", "--data", &data, &backup]);
    let (other, statsd) = (folder.path().join("other"), free_port().to_string());
    weir(&["store", "restore", "--data", &other.display().to_string(), &backup]);
    let server = Server::start_as("up", other, ServerPorts::free(), &["--statsd", &statsd]);
    let event = eventually("the event of the backup", PATIENCE, || found(&server, "").pop());
    assert_eq!((event["title"].as_str(), event["host"].as_str()), (Some("before"), Some("web-1")));
    weir(&["emit", "--to", &statsd, "_e{5,4}:after|text"]);
    eventually("both", PATIENCE, || (found(&server, "").len() == 2).then_some(()));
}

/// All pages of a question, newest first; none while nobody answers.
fn found(server: &Server, query: &str) -> Vec<Value> {
    let (mut events, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/events?limit=25&{query}&cursor={cursor}");
        let Some((200, body)) = server.get(&path) else { return Vec::new() };
        let mut answer: Value = serde_json::from_str(&body).unwrap();
        events.append(answer["data"]["events"].as_array_mut().unwrap());
        match answer["data"]["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return events,
        }
    }
}
