//! Promise: an agent that nobody understands says why, and a copied state folder is noticed: with real processes and a wrong key,
//! and with two agents that have one id.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use weir_tests::{Agent, Server, ServerPorts, eventually, program};

const PATIENCE: Duration = Duration::from_secs(60);

fn weir(args: &[&str]) {
    let output = Command::new(program("weir")).args(args).output().unwrap();
    assert!(output.status.success(), "weir {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn status(agent: &Agent) -> String {
    let mut response = ureq::get(format!("http://{}/status", agent.telemetry)).call().unwrap();
    response.body_mut().read_to_string().unwrap()
}

fn log(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_wrong_fleet_key_is_said_by_the_agent_and_by_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    weir(&["certs", "dev", &path("certs")]);
    weir(&["keys", "new", &path("other.keys")]);
    let tls =
        format!("certificates = {:?}\nkey = {:?}\nhttp = false", path("certs/server.pem"), path("certs/server.key"));
    std::fs::write(path("weir.toml"), format!("[tls]\n{tls}\n")).unwrap();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);
    let (ca, keys) = (path("certs/ca.pem"), folder.path().join("other.keys"));
    let agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &keys, &["--ca", &ca]);
    eventually("silence", PATIENCE, || status(&agent).contains("trouble silence").then_some(()));
    eventually("the reason", PATIENCE, || status(&agent).contains("trouble tag").then_some(()));
    let said = log(&folder.path().join("agent.log"));
    assert!(said.contains("the gateway has another fleet key of this number"), "{said}");
    let said = log(&server.data.with_extension("log"));
    assert!(said.contains("datagrams are refused") && said.contains("127.0.0.1"), "{said}");
    // At once, and the next a minute later.
    assert_eq!(said.matches("datagrams are refused").count(), 1, "{said}");
    // The right key mends it without a restart.
    std::fs::copy(server.keys(), &keys).unwrap();
    eventually("an ack", PATIENCE, || status(&agent).contains("trouble none").then_some(()));
}

#[test]
fn a_copied_state_folder_is_told_with_both_addresses_and_a_restart_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let start = |name: &str| {
        let folder = folder.path().join(name);
        std::fs::create_dir_all(folder.join("agent")).unwrap();
        std::fs::write(folder.join("agent/identity"), "11111111-1111-4111-8111-111111111111 7\n").unwrap();
        Agent::start(&folder, &server.ports.batch.to_string(), &server.keys(), &[])
    };
    let clones = || {
        let (_, body) = server.get("/api/v1/status/fleet")?;
        serde_json::from_str::<Value>(&body).ok()?["data"]["cloned_agents"].as_u64()
    };
    let acked = |agent: &Agent, least: f64| {
        eventually("acks", PATIENCE, || {
            agent.reading("weir_agent_acked_batches_total").filter(|acked| *acked >= least)
        });
    };
    let mut first = start("first");
    acked(&first, 5.0);
    first.program.kill();
    first.start_again();
    acked(&first, 9.0);
    assert_eq!(clones(), Some(0), "after a restart");
    let second = start("second");
    eventually("two agents with one id", PATIENCE, || (clones()? == 1).then_some(()));
    assert_eq!(server.reading("weir_gateway_cloned_agents_total"), Some(1.0));
    let said = log(&server.data.with_extension("log"));
    let line = said.lines().find(|line| line.contains("two agents have one id")).unwrap();
    assert_eq!(line.matches("127.0.0.1:").count(), 2, "{line}");
    drop((first, second));
}
