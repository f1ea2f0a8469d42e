//! Promise: bad input costs itself only. It is refused with a reason that shows on `/metrics`, nobody is told who
//! should not be, and what is good goes on beside it.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use weir_tests::{Agent, Server, ServerPorts, eventually, program, start_role};

const PATIENCE: Duration = Duration::from_secs(60);

/// Where a sealed datagram has what (DESIGN.md §4).
const VERSION: usize = 2;
const FLAGS: usize = 3;
const KEY_ID: usize = 5;
const TENANT: usize = 9;
const EXPIRES: usize = 10;
const AGENT: usize = 14;
const EPOCH: usize = 35;
const SEQ: usize = 41;
const PAYLOAD: usize = 42;

/// A server with a deny-list and token keys, and an agent whose datagrams end at the test.
struct Site {
    folder: tempfile::TempDir,
    server: Server,
    agent: Agent,
    /// The agent pushes to here.
    tap: UdpSocket,
    /// The test sends from here.
    sender: UdpSocket,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("denied"), "").unwrap();
        run("weir", &["token", "key", &path("ops")]);
        let config =
            format!("[identity]\ntoken_keys = [{:?}]\ndenied_agents = {:?}\n", path("ops.pem"), path("denied"));
        fs::write(path("weir.toml"), config).unwrap();
        let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);
        let tap = UdpSocket::bind("127.0.0.1:0").unwrap();
        tap.set_read_timeout(Some(PATIENCE)).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(server.ports.batch).unwrap();
        sender.set_read_timeout(Some(PATIENCE)).unwrap();
        let agent = Agent::start(folder.path(), &tap.local_addr().unwrap().to_string(), &server.keys(), &[]);
        Self { folder, server, agent, tap, sender }
    }

    /// The next datagram that the agent sends.
    fn captured(&self) -> (Vec<u8>, std::net::SocketAddr) {
        let mut buffer = [0; 2_048];
        let (size, from) = self.tap.recv_from(&mut buffer).unwrap();
        (buffer[..size].to_vec(), from)
    }

    fn refused(&self, reason: &str) -> f64 {
        self.server.reading(&format!("weir_gateway_refused_total{{reason=\"{reason}\"}}")).unwrap()
    }

    /// Sends a datagram until the refusal shows: loopback may drop like any network.
    fn assert_refused(&self, datagram: &[u8], reason: &str) {
        let before = self.refused(reason);
        eventually(reason, PATIENCE, || {
            self.sender.send(datagram).unwrap();
            (self.refused(reason) > before).then_some(())
        });
    }
}

#[test]
fn forged_datagrams_are_counted_by_reason_and_nobody_is_answered() {
    let site = Site::start();
    let (good, _) = site.captured();
    let changed = |at: usize, to: u8| {
        let mut datagram = good.clone();
        assert_ne!(datagram[at], to);
        datagram[at] = to;
        datagram
    };
    let flipped = |at: usize| changed(at, good[at] ^ 1);
    site.assert_refused(&good[..PAYLOAD + 15], "too_short");
    site.assert_refused(&vec![0; 1_433], "too_long");
    site.assert_refused(&changed(0, b'X'), "magic");
    site.assert_refused(&changed(VERSION, 9), "version");
    site.assert_refused(&changed(FLAGS, good[FLAGS] ^ 0x80), "direction");
    site.assert_refused(&flipped(KEY_ID), "unknown_key");
    site.assert_refused(&changed(EXPIRES, 0), "expired");
    for at in [TENANT, AGENT, EPOCH, SEQ, PAYLOAD, good.len() - 1] {
        site.assert_refused(&flipped(at), "tag");
    }
    site.assert_refused(&good[..good.len() - 1], "tag");

    // Nothing was answered so far: the first reply is for the good one, and no larger than it.
    site.sender.send(&good).unwrap();
    let mut reply = [0; 2_048];
    let size = site.sender.recv(&mut reply).unwrap();
    assert!(size <= good.len(), "{size} bytes answer {}", good.len());
    assert_eq!(reply[FLAGS] & 0x80, 0x80, "an ack");
    site.sender.set_nonblocking(true).unwrap();
    assert!(site.sender.recv(&mut reply).is_err(), "one reply for one good datagram");
    assert_eq!(site.server.reading("weir_gateway_acked_batches_total"), Some(1.0));
}

#[test]
fn a_denied_agent_is_refused_until_it_is_allowed_again() {
    let site = Site::start();
    let (good, _) = site.captured();
    let identity = fs::read_to_string(site.folder.path().join("agent/identity")).unwrap();
    fs::write(site.folder.path().join("denied"), identity.split_whitespace().next().unwrap()).unwrap();
    site.assert_refused(&good, "denied");
    fs::write(site.folder.path().join("denied"), "").unwrap();
    eventually("the agent to be allowed again", PATIENCE, || {
        site.sender.send(&good).unwrap();
        site.server.reading("weir_gateway_acked_batches_total").filter(|acked| *acked > 0.0)
    });
}

#[test]
fn a_replay_is_acked_again_and_counted_once() {
    let site = Site::start();
    site.agent.emit("replayed:7|c", 1);
    // The line is in one of the next windows; all of them are replayed.
    eventually("the counter to be stored", PATIENCE, || {
        let (datagram, _) = site.captured();
        for _ in 0..3 {
            site.sender.send(&datagram).unwrap();
            site.sender.recv(&mut [0; 2_048]).unwrap();
        }
        let answer = site.server.ask("/api/v1/query?query=replayed", Some(&token(&site, "read")))?;
        answer.1.contains("\"7\"").then_some(())
    });
    let reading = |name: &str| site.server.reading(name).unwrap();
    // The agent, whom nobody acks here, repeats itself too.
    eventually("all to be counted once or as duplicates", PATIENCE, || {
        let (batches, duplicates) = (reading("weir_sink_batches_total"), reading("weir_sink_duplicates_total"));
        let acked = reading("weir_gateway_acked_batches_total");
        (batches + duplicates == acked && duplicates >= 2.0 * batches).then_some(())
    });
}

#[test]
fn a_replay_to_another_gateway_is_acked_there_and_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let start = |role: &str, name: &str| start_role(folder.path(), role, name, &[]);
    let (sink, gateways) = (start("sink", "sink"), [start("gateway", "one"), start("gateway", "two")]);
    let tap = UdpSocket::bind("127.0.0.1:0").unwrap();
    tap.set_read_timeout(Some(PATIENCE)).unwrap();
    let keys = folder.path().join("fleet.keys");
    let _agent = Agent::start(folder.path(), &tap.local_addr().unwrap().to_string(), &keys, &[]);
    let mut datagram = [0; 2_048];
    let size = tap.recv(&mut datagram).unwrap();
    for gateway in gateways.iter().chain(&gateways) {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.set_read_timeout(Some(PATIENCE)).unwrap();
        sender.send_to(&datagram[..size], gateway.ports.batch).unwrap();
        let (ack, from) = sender.recv_from(&mut [0; 2_048]).unwrap();
        assert!(ack <= size && from == gateway.ports.batch);
    }
    eventually("one batch and three duplicates", PATIENCE, || {
        let counted = (sink.reading("weir_sink_batches_total")?, sink.reading("weir_sink_duplicates_total")?);
        (counted == (1.0, 3.0)).then_some(())
    });
}

#[test]
fn a_batch_that_comes_back_is_no_ack() {
    let site = Site::start();
    for _ in 0..6 {
        let (datagram, from) = site.captured();
        site.tap.send_to(&datagram, from).unwrap();
    }
    assert_eq!(site.agent.reading("weir_agent_acked_batches_total"), Some(0.0));
    eventually("the refusals to be counted", PATIENCE, || {
        let refused = site.agent.reading("weir_agent_refused_acks_total{reason=\"direction\"}")?;
        (refused >= 1.0).then_some(())
    });
    eventually("the ack of the gateway itself", PATIENCE, || {
        let (datagram, from) = site.captured();
        site.sender.send(&datagram).unwrap();
        let mut reply = [0; 2_048];
        let size = site.sender.recv(&mut reply).unwrap();
        site.tap.send_to(&reply[..size], from).unwrap();
        site.agent.reading("weir_agent_acked_batches_total").filter(|acked| *acked > 0.0)
    });
}

#[test]
fn malformed_statsd_lines_fall_alone() {
    let site = Site::start();
    let check = |line: &[u8], reason: &str| {
        let refused = || site.agent.reading(&format!("weir_agent_statsd_refused_lines_total{{reason=\"{reason}\"}}"));
        let taken = || site.agent.reading("weir_agent_statsd_lines_total");
        let before = (refused().unwrap(), taken().unwrap());
        let datagram = [b"before:1|c\n", line, b"\nafter:1|c"].concat();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&datagram, site.agent.statsd).unwrap();
        eventually(reason, PATIENCE, || (refused()? == before.0 + 1.0 && taken()? == before.1 + 2.0).then_some(()));
    };
    check(b"no shape at all", "malformed");
    check(b"x:one|c", "value");
    check(b"x:1|zz", "type");
    check(b"x:1|c|@7", "rate");
    check(b"x\xFF:1|c", "utf8");
    check(b"_e{3}:abc", "event");
    check(b"_sc|disk", "service_check");
    check(b"before:1|g", "type_conflict");
}

#[test]
fn a_bad_query_gets_prometheus_json_and_the_server_lives() {
    let site = Site::start();
    let token = token(&site, "read");
    let check = |path: &str, status: u16, kind: &str| {
        let (seen, body) = site.server.ask(path, Some(&token)).unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (seen, answer["status"].as_str(), answer["errorType"].as_str()),
            (status, Some("error"), Some(kind))
        );
        assert!(!answer["error"].as_str().unwrap().is_empty(), "{body}");
    };
    check("/api/v1/query?query=sum(", 400, "bad_data");
    check("/api/v1/query", 400, "bad_data");
    check("/api/v1/query?query=up&time=never", 400, "bad_data");
    check("/api/v1/query_range?query=up&start=0&end=1&step=0", 400, "bad_data");
    check("/api/v1/query_range?query=up&start=0&end=99999999&step=1", 400, "bad_data");
    check("/api/v1/series", 400, "bad_data");
    // Those that reached the engine: the others were not queries yet.
    assert_eq!(site.server.reading("weir_queries_refused_total{reason=\"bad_data\"}"), Some(3.0));
    assert_eq!(site.server.ask("/api/v1/query?query=1", Some(&token)).unwrap().0, 200);
}

#[test]
fn a_bad_token_is_told_why_and_counted() {
    let site = Site::start();
    let check = |token: Option<&str>, status: u16, reason: &str, counted: bool| {
        let series = format!("weir_tokens_refused_total{{reason=\"{reason}\"}}");
        let before = site.server.reading(&series);
        let (seen, body) = site.server.ask("/api/v1/query?query=1", token).unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((seen, answer["reason"].as_str()), (status, Some(reason)), "{body}");
        if counted {
            assert_eq!(site.server.reading(&series), Some(before.unwrap() + 1.0), "{series}");
        }
    };
    check(None, 401, "no_token", false);
    check(Some("not.a.token"), 401, "malformed", true);
    check(Some(&token(&site, "ingest")), 403, "scope", true);
    let mut forged = token(&site, "read");
    let last = if forged.ends_with('A') { 'B' } else { 'A' };
    let middle = forged.len() - 20;
    forged.replace_range(middle..=middle, &last.to_string());
    check(Some(&forged), 401, "signature", true);
    let early = issue(&site, &["--scope", "read", "--starts-in", "1h"]);
    check(Some(&early), 401, "not_yet_valid", true);
}

#[test]
fn a_bad_configuration_is_refused_with_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, args: &[&str], text: &str, expected: &[&str]| {
        let path = folder.path().join("bad.toml").display().to_string();
        fs::write(&path, text).unwrap();
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "FILE" { path.as_str() } else { arg }).collect();
        let output = Command::new(program(name)).args(&args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("backtrace"), "{said}");
        for part in expected.iter().chain(&["bad.toml"]) {
            assert!(said.contains(part), "{args:?} said {said:?}, not {part:?}");
        }
    };
    for args in [["up", "--config", "FILE"].as_slice(), &["check", "FILE"]] {
        check("weir", args, "\n[listen]\nhtp = \"127.0.0.1:1\"", &["line 3", "htp"]);
        check("weir", args, "sink.checkpoint_interval_s = 0", &["checkpoint_interval_s"]);
    }
    for command in ["run", "check"] {
        check("weir-agent", &[command, "--config", "FILE"], "\nintervall = \"1s\"", &["bad.toml:2", "intervall"]);
        check("weir-agent", &[command, "--config", "FILE"], "interval = \"never\"", &["bad.toml:1", "never"]);
    }
}

fn token(site: &Site, scope: &str) -> String {
    issue(site, &["--scope", scope])
}

fn issue(site: &Site, more: &[&str]) -> String {
    let key = site.folder.path().join("ops.key").display().to_string();
    let args = [&["token", "issue", "--key", &key, "--sub", "a-test"], more].concat();
    run("weir", &args).trim().to_owned()
}

fn run(name: &str, args: &[&str]) -> String {
    let output = Command::new(program(name)).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
