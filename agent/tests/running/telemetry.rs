//! Bad StatsD over a real socket is counted by reason, and its neighbours are taken.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::process::Command;

use crate::agent::Agent;

#[test]
fn malformed_lines_are_counted_by_reason_and_shown_while_their_neighbours_live() {
    let mut agent = Agent::start(&["--statsd", "127.0.0.1:0", "--telemetry", "127.0.0.1:0"]);
    let statsd = agent.address("listening for statsd");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"jobs.done:1|c\nrubbish\njobs.done:x|c\njobs.done:2|c", &statsd).unwrap();
    client.send_to(b"jobs.done:1|q\njobs.done:1|c|@7\n\xff:1|c\njobs.done:1|g\nload:1|g", &statsd).unwrap();
    for reason in ["malformed", "value", "type", "rate", "utf8", "type_conflict"] {
        agent.metric_becomes(&format!("weir_agent_statsd_refused_lines_total{{reason={reason:?}}}"), 1.0);
    }
    agent.metric_becomes("weir_agent_statsd_refused_lines_total{reason=\"too_long\"}", 0.0);
    agent.metric_becomes("weir_agent_statsd_lines_total", 3.0);
    agent.metric_becomes("weir_agent_statsd_datagrams_total{socket=\"udp\"}", 2.0);
    let shown = agent.log_line("a statsd line is not taken");
    assert!(shown.contains("malformed") && shown.contains("rubbish"), "{shown}");
    let text = agent.page("/metrics");
    assert!(text.contains("weir_agent_statsd_lost_datagrams_total{reason=\"kernel_drop\"} 0"), "{text}");
    assert!(text.contains("net.core.rmem_max"), "{text}");
}

#[test]
fn the_telemetry_address_is_loopback_only() {
    let mut agent = Agent::start(&["--statsd", "off", "--telemetry", "0.0.0.0:0"]);
    agent.log_line("only on a loopback address");
}

#[test]
fn status_shows_the_running_agent() {
    let mut agent = Agent::start(&["--statsd", "off", "--telemetry", "127.0.0.1:0"]);
    agent.point(|series, _| series.name() == "system_uptime_seconds");
    let address = agent.address("serving /metrics");
    let status = |address: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_weir-agent")).args(["status", "--telemetry", address]).output();
        let output = output.unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
    };
    let page = status(&address);
    assert!(page.contains("host test agent ") && page.contains("system_cpu_time_seconds_total"), "{page}");
    assert!(agent.stop().success());
    assert!(status(&address).contains("does it run"));
}

/// Its row in the table, by series name: whether it is marked as loss.
fn documented() -> BTreeMap<String, bool> {
    let row = |line: &str| {
        let name = line.strip_prefix("| `")?.split_once('`')?.0;
        Some((name.to_owned(), line.contains("**loss**")))
    };
    include_str!("../../../docs/agent-telemetry.md").lines().filter_map(row).collect()
}

#[test]
fn every_reading_is_documented_and_loss_is_marked() {
    let settings = "telemetry = \"127.0.0.1:0\"\n[aggregation]\nmax_series = 0\n[[scrape]]\njob = \"a\"\n\
        [[access_log]]\npath = \"/nowhere\"\nservice = \"a\"\n";
    let mut agent = Agent::start_with(settings, &["--statsd", "127.0.0.1:0"]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Folds at once, which names a culprit.
    client.send_to(b"jobs:1|c", agent.address("listening for statsd")).unwrap();
    let text = agent.metric_becomes("weir_agent_statsd_culprit_lines{metric=\"jobs\"}", 1.0);
    let help = |line: &str| {
        let (name, help) = line.strip_prefix("# HELP ")?.split_once(' ')?;
        Some((name.to_owned(), help.contains("(loss")))
    };
    let (documented, served): (_, BTreeMap<_, _>) = (documented(), text.lines().filter_map(help).collect());
    let missing: Vec<_> = served.iter().filter(|(name, loss)| documented.get(*name) != Some(loss)).collect();
    assert!(missing.is_empty(), "docs/agent-telemetry.md lacks these, or their mark of loss: {missing:?}");
    assert_eq!(documented.len(), served.len(), "docs/agent-telemetry.md lists what there is no more");
}
