//! Promise: what a rule finds reaches a person, once the window in which it happened is over, and a kill in between loses nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use weir_tests::{Agent, Server, ServerPorts, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// Takes webhooks for as long as the test lives.
struct Webhooks {
    address: SocketAddr,
    /// Bodies with their `Idempotency-Key` and the second in which they came.
    came: Receiver<(Value, String, f64)>,
}

impl Webhooks {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, (bring, came)) = (listener.local_addr().unwrap(), channel());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let bring = bring.clone();
                std::thread::spawn(move || serve(stream, &bring));
            }
        });
        Self { address, came }
    }

    /// The next notification about an alert in a state.
    fn next(&self, alert: &str, status: &str) -> (Value, String, f64) {
        loop {
            let came = self.came.recv_timeout(PATIENCE);
            let (body, key, at) = came.unwrap_or_else(|_| panic!("no webhook about {alert} {status}"));
            if body["commonLabels"]["alertname"] == alert && body["status"] == status {
                return (body, key, at);
            }
        }
    }
}

/// Answers requests of one connection.
fn serve(stream: TcpStream, bring: &Sender<(Value, String, f64)>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut length, mut key, mut line) = (0, String::new(), String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "idempotency-key" => key = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        bring.send((serde_json::from_slice(&body).unwrap(), key, seconds_now())).ok();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

fn seconds_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A configuration with rules and one webhook.
fn write_config(folder: &Path, webhooks: SocketAddr) -> String {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    std::fs::create_dir_all(folder.join("rules")).unwrap();
    write("weir.toml", "[alerting]\nrules = ['rules/*.yml']\nconfig = 'routes.yml'\ninterval = '1s'\n");
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
    let config = write_config(folder.path(), webhooks.address);
    write_rules(folder.path(), FULL);
    let mut server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &config]);
    let mut agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &["--host", "a"]);
    agent.emit("jobs.waiting:50|g", 1);
    eventually("what a rule records to be queryable", PATIENCE, || {
        (server.number("jobs:waiting:sum") == Some(50.0)).then_some(())
    });
    assert_eq!(alerts(&server), Some(Vec::new()));

    agent.emit("jobs.waiting:150|g", 1);
    let (body, key, at) = webhooks.next("QueueFull", "firing");
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
    let (body, ..) = webhooks.next("QueueFull", "resolved");
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
    webhooks.next("QueueOdd", "firing");
    // A gateway waits for agents that are still there.
    assert!(agent.program.stop().success() && server.program.stop().success());
}

/// When the first sample over a bound was taken.
fn first_sample_above(server: &Server, bound: f64) -> f64 {
    let series = server.query("jobs_waiting[5m]").unwrap();
    let samples = series[0]["values"].as_array().unwrap().iter();
    let value = |sample: &Value| sample[1].as_str().unwrap().parse::<f64>().unwrap();
    samples.filter(|sample| value(sample) > bound).map(|sample| sample[0].as_f64().unwrap()).next().unwrap()
}

/// The rule is evaluated every second of event time, and has left a sample at each.
fn assert_no_gap(server: &Server) {
    let times = eventually("some evaluations", PATIENCE, || {
        let series = server.query("jobs:waiting:sum[5m]")?;
        let times: Vec<f64> = series[0]["values"].as_array()?.iter().filter_map(|sample| sample[0].as_f64()).collect();
        (times.len() > 8).then_some(times)
    });
    let gaps: Vec<_> = times.windows(2).filter(|pair| (pair[1] - pair[0] - 1.0).abs() > 1e-3).collect();
    assert!(gaps.is_empty(), "{gaps:?}");
}
