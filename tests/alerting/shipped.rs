//! Promise: the rules in deploy/rules hold what their tests say, under promtool as here, and read nothing that nobody sends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use weir_tests::{Agent, Server, ServerPorts, Webhooks, eventually, program};

use crate::{PATIENCE, next};

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules").canonicalize().unwrap()
}

/// Whether each of the two programs passes some unit tests.
fn verdicts(folder: &Path) -> [bool; 2] {
    let promtool = Path::new("/usr/bin/promtool");
    assert!(promtool.exists(), "there is no promtool: run tests/setup, or apt-get install -y prometheus");
    let files = std::fs::read_dir(folder.join("tests")).unwrap();
    let files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    let passes = |command: &mut Command| command.args(&files).output().unwrap().status.success();
    [
        passes(Command::new(promtool).args(["test", "rules"])),
        passes(Command::new(program("weir")).args(["alert", "test"])),
    ]
}

#[test]
fn shipped_rules_pass_their_tests_and_would_fail_with_other_rules() {
    assert_eq!(verdicts(&rules()), [true, true]);
    // What a rule says is what its test is about: with another one it fails.
    for (file, before, after) in [
        ("hosts.yml", "weir_agent_up == 0", "weir_agent_up == 1"),
        ("hosts.yml", "< 0.4", "< 0.001"),
        ("weir.yml", "weir_sink_behind_seconds > 60", "weir_sink_behind_seconds > 600"),
        ("weir.yml", "< 14 * 86400", "< 86400"),
        ("alerting.yml", "> 300\n        labels", "> 3000\n        labels"),
        ("kafka.yml", "< 0.2 *", "< 0.1 *"),
        ("kafka.yml", "weir_queue_unused_partitions > 0", "weir_queue_unused_partitions > 9"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tests")).unwrap();
        for name in ["hosts.yml", "weir.yml", "alerting.yml", "kafka.yml"] {
            let text = std::fs::read_to_string(rules().join(name)).unwrap();
            assert!(name != file || text.contains(before), "{file} has no {before:?}");
            let text = if name == file { text.replacen(before, after, 1) } else { text };
            std::fs::write(folder.path().join(name), text).unwrap();
            let test = Path::new("tests").join(name);
            std::fs::copy(rules().join(&test), folder.path().join(test)).unwrap();
        }
        assert_eq!(verdicts(folder.path()), [false, false], "{file} with {after:?}");
    }
}

/// Metrics that rule files name in their expressions; those about Kafka are asked of a sink that reads it.
fn names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in ["hosts.yml", "weir.yml", "alerting.yml"] {
        let text = std::fs::read_to_string(rules().join(file)).unwrap();
        // Comments, labels and texts name none that expressions do not.
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let is_metric = |word: &&str| word.starts_with("weir_") || word.ends_with("_usage_bytes");
        names.extend(words.filter(is_metric).map(str::to_owned));
    }
    assert!(names.len() > 20, "{names:?}");
    names
}

#[test]
fn shipped_rules_read_what_a_running_weir_sends() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let made = Command::new(program("weir")).args(["certs", "dev", &path("certs")]).status().unwrap();
    assert!(made.success());
    let webhooks = Webhooks::listen();
    let times = "group_wait: 100ms, group_interval: 300ms, repeat_interval: 1h";
    let config = format!(
        "[tls]\ncertificates = {:?}\nkey = {:?}\nhttp = false\n[alerting]\nrules = ['{}/*.yml']\nconfig = 'routes.yml'\n",
        path("certs/server.pem"),
        path("certs/server.key"),
        rules().display()
    );
    std::fs::write(path("weir.toml"), config).unwrap();
    let routes = format!(
        "route: {{receiver: ops, group_by: [alertname], {times}}}\nreceivers: [{{name: ops, webhook_configs: [{{url: 'http://{}/'}}]}}]\n",
        webhooks.address
    );
    std::fs::write(path("routes.yml"), routes).unwrap();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);
    // All types: in a container, nothing but an overlay may be mounted.
    let scrape = format!(
        "[host_metrics]\nfilesystem_types = []\n[[scrape]]\njob = 'weir'\ntargets = ['http://{}/metrics']\n",
        server.ports.http
    );
    std::fs::write(path("agent.toml"), scrape).unwrap();
    let more = ["--host", "a", "--config", &path("agent.toml")];
    let agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &more);
    next(&webhooks, "Watchdog", "firing");
    let missing = || {
        let mut served = BTreeSet::new();
        let mut agent = ureq::get(format!("http://{}/metrics", agent.telemetry)).call().ok()?;
        let texts = [agent.body_mut().read_to_string().ok()?, server.get("/metrics")?.1];
        let first = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
        served.extend(texts.iter().flat_map(|text| text.lines().map(first)));
        let (_, stored) = server.get("/api/v1/label/__name__/values")?;
        let stored: serde_json::Value = serde_json::from_str(&stored).ok()?;
        served.extend(stored["data"].as_array()?.iter().filter_map(|name| name.as_str().map(str::to_owned)));
        Some(names().difference(&served).cloned().collect::<Vec<_>>())
    };
    let waited = Instant::now();
    loop {
        let unsent = missing();
        if unsent.as_ref().is_some_and(Vec::is_empty) {
            break;
        }
        // An account of the ledger is written a minute after it has changed.
        assert!(waited.elapsed() < 3 * PATIENCE, "nobody sends {unsent:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    eventually("the agent to bring the server's own figures", PATIENCE, || {
        (server.number("weir_queue_healthy{job='weir'}") == Some(1.0)).then_some(())
    });
    assert_eq!(server.reading("weir_alert_failing_rules"), Some(0.0));
    assert_eq!(server.reading("weir_alert_bad_rule_files"), Some(0.0));
}
