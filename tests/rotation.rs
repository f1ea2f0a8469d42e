//! Promise: fleet keys and token keys are changed under load, and no batch goes unacknowledged or is lost by it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use weir_tests::{Agent, Server, ServerPorts, eventually, program, write_secret};

const PATIENCE: Duration = Duration::from_secs(60);
/// Long enough to work with, short enough that agents renew several times in the test.
const SESSION_S: u64 = 8;

#[test]
fn keys_and_tokens_rotate_under_load_without_an_unacked_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    weir(&["certs", "dev", &path("certs")]);
    std::fs::create_dir(folder.path().join("trusted")).unwrap();
    let read = new_token_key(folder.path(), "ops1");
    std::fs::write(folder.path().join("weir.toml"), config(folder.path())).unwrap();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);

    let batch = server.ports.batch.to_string();
    let agent = |name: &str, more: &[&str]| {
        let own = folder.path().join(name);
        std::fs::create_dir(&own).unwrap();
        Agent::start(&own, &batch, &server.keys(), &[more, &["--host", name]].concat())
    };
    let (token, ca) = (path("agent.token"), path("certs/ca.pem"));
    let by_token = ["--token", token.as_str(), "--ca", ca.as_str()];
    let agents = [agent("by-key", &[]), agent("by-token", &by_token), {
        agent("by-tls", &[&by_token[..], &["--transport", "tls"]].concat())
    }];

    let keys = server.keys().display().to_string();
    let lifetime = format!("{SESSION_S}s");
    let rotate = || weir(&["keys", "rotate", &keys, "--session-lifetime", &lifetime]);
    let mut emitted = 0;
    emitted += emit_for(&agents, Duration::from_secs(4));
    rotate();
    emitted += emit_for(&agents, Duration::from_secs(4));
    let before = server.reading("weir_sessions_granted_total").unwrap();
    let read = [read, new_token_key(folder.path(), "ops2")];
    std::fs::remove_file(folder.path().join("trusted/ops1.pem")).unwrap();
    emitted += emit_for(&agents, Duration::from_secs(SESSION_S + 4));
    rotate();
    emitted += emit_for(&agents, Duration::from_secs(4));

    eventually("every line to be stored", PATIENCE, || {
        (stored(&server, &read[1]) == Some(emitted as f64)).then_some(())
    });
    for agent in &agents {
        let nothing_left = || (agent.reading("weir_agent_spooled_batches")? <= 1.0).then_some(());
        eventually("the last acks", PATIENCE, nothing_left);
        assert_eq!(agent.reading("weir_agent_dropped_batches_total{reason=\"spool_full\"}"), Some(0.0));
    }
    assert!(server.reading("weir_sessions_granted_total").unwrap() > before, "the new token bought sessions");
    let refused = server.ask("/api/v1/query?query=up", Some(&read[0])).unwrap();
    assert_eq!(refused.0, 401, "the old token's key is gone: {}", refused.1);
}

fn config(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "[tls]\ncertificates = \"{folder}/certs/server.pem\"\nkey = \"{folder}/certs/server.key\"\nhttp = false\n\
         [identity]\ntoken_keys = [\"{folder}/trusted\"]\nsession_lifetime_s = {SESSION_S}\n\
         [sink]\nlateness_s = 1\n"
    )
}

/// Makes a key, has the server trust it, and gives agents and this test tokens that it signed. Returns the latter.
fn new_token_key(folder: &Path, name: &str) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    weir(&["token", "key", &path(name)]);
    let signer = path(&format!("{name}.key"));
    std::fs::rename(path(&format!("{name}.pem")), path(&format!("trusted/{name}.pem"))).unwrap();
    let issue = |scope| weir(&["token", "issue", "--key", &signer, "--sub", "test", "--scope", scope]);
    write_secret(path("agent.token.new"), issue("ingest"));
    std::fs::rename(path("agent.token.new"), path("agent.token")).unwrap();
    issue("read").trim().to_owned()
}

/// Counts on every agent for a while; returns how often.
fn emit_for(agents: &[Agent], duration: Duration) -> u64 {
    let (until, mut emitted) = (Instant::now() + duration, 0);
    while Instant::now() < until {
        agents.iter().for_each(|agent| agent.emit("rotation.lines:1|c", 5));
        emitted += 5 * agents.len() as u64;
        std::thread::sleep(Duration::from_millis(100));
    }
    emitted
}

fn stored(server: &Server, token: &str) -> Option<f64> {
    let (_, body) = server.ask("/api/v1/query?query=sum(rotation_lines)", Some(token))?;
    let answer: serde_json::Value = serde_json::from_str(&body).ok()?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

fn weir(args: &[&str]) -> String {
    let output = Command::new(program("weir")).args(args).output().unwrap();
    assert!(output.status.success(), "weir {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
