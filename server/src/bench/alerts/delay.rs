//! From the end of the window of a breach to the webhook, of what an agent tells of its host and of what clients tell a gateway.

use std::net::UdpSocket;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::args::{AlertsArgs, percentile};
use super::rules::{OWNED, SHARED, breaches, routes};
use super::stand::{Side, Stand, agent_program, free};
use super::webhooks::Webhooks;
use crate::clock::now;

/// The agent's window and that of lines at gateways.
const WINDOW_MS: i64 = 10_000;
/// Time between two breaches of each kind: no divisor of a window or an interval, so that they fall anywhere in both.
const APART: Duration = Duration::from_millis(1_370);
/// Windows until both ways are known to be complete.
const SETTLED: Duration = Duration::from_secs(45);
/// Time after which a breach is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) fn measure(args: &AlertsArgs) -> Result<Value> {
    let webhooks = Webhooks::listen()?;
    let interval = args.interval;
    let routes = routes(&webhooks.url, "alertname, n", "0s");
    let mut stand = Stand::start(Side::Weir, &routes, &breaches(interval.as_secs()))?;
    let (statsd, telemetry) = (free()?, free()?);
    let mut agent = Command::new(agent_program()?);
    agent.args(["run", "--interval", "10s", "--host", "bench", "--server", &stand.batch.to_string()]);
    agent.arg("--keys").arg(stand.path("data/fleet.keys")).arg("--state").arg(stand.path("agent"));
    agent.args(["--statsd", &statsd.to_string(), "--telemetry", &telemetry.to_string()]);
    stand.start_one("weir-agent", agent, telemetry, "/metrics")?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let targets = [(OWNED, statsd), (SHARED, stand.statsd)];
    let send = |number: usize, value: u8| -> Result<()> {
        for (name, target) in &targets {
            socket.send_to(format!("bench_{name}:{value}|g|#n:{number}").as_bytes(), target)?;
        }
        Ok(())
    };
    send(0, 0)?;
    thread::sleep(SETTLED);
    let mut ends = Vec::new();
    for number in 0..args.breaches {
        // The end of the window in which it falls.
        ends.push((now().millis().div_euclid(WINDOW_MS) + 1) * WINDOW_MS);
        send(number, 1)?;
        thread::sleep(APART);
    }
    let started = Instant::now();
    while webhooks.book().alerts.len() < 2 * args.breaches && started.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(100));
    }
    let book = webhooks.book();
    let mut report = Map::new();
    report.insert("window_s".into(), json!(WINDOW_MS / 1_000));
    report.insert("interval_s".into(), json!(interval.as_secs()));
    for (name, _) in targets {
        let of = book.alerts.values().filter(|alert| alert.name == format!("Bench-{name}"));
        let taken = of.filter_map(|alert| Some((alert.at_ms - ends.get(alert.number?)?) as f64 / 1e3));
        let mut taken: Vec<f64> = taken.collect();
        let came = taken.len();
        let (p50, p99) = (percentile(&mut taken, 0.5), percentile(&mut taken, 0.99));
        p50.with_context(|| format!("no breach of {name} series came"))?;
        let all = json!({ "breaches": args.breaches, "came": came, "p50_s": p50, "p99_s": p99 });
        report.insert(name.into(), all);
    }
    Ok(Value::Object(report))
}
