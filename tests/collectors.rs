//! Promise: collectors share targets out among them, and while any of them are killed, stopped, added and disagree, each window
//! of each target is stored exactly once, and no target that somebody could reach is `up` 0.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::Value;
use weir_tests::{Chance, Program, Server, eventually, exporter, program};

const PATIENCE: Duration = Duration::from_secs(90);
const INTERVAL_S: u64 = 8;

/// All targets, by path.
fn target(_: &str, _: &str) -> exporter::Page {
    ("text/plain", b"# TYPE steady counter\nsteady_total 7\n".to_vec())
}

fn http_get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let timeout = Some(Duration::from_secs(10));
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(timeout).build();
    let mut response = ureq::Agent::from(config).get(format!("http://{address}{path}")).call().ok()?;
    Some((response.status().as_u16(), response.body_mut().read_to_string().ok()?))
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// One collector of several, at an address of its own that is the same after each start.
struct Member {
    address: SocketAddr,
    args: Vec<String>,
    log: std::path::PathBuf,
    running: Option<Program>,
}

impl Member {
    fn new(folder: &Path, server: &Server, address: SocketAddr, peers: &[SocketAddr], more: &[&str]) -> Self {
        let config = folder.join("scrape.yml").display().to_string();
        let (url, keys) = (format!("http://{}", server.ports.http), server.keys().display().to_string());
        let peers = peers.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(",");
        let listen = address.to_string();
        let args = ["collect", "--config", &config, "--server", &url, "--keys", &keys, "--listen", &listen];
        let args = args.into_iter().chain(["--peers", &peers]).chain(more.iter().copied()).map(str::to_owned).collect();
        let log = folder.join(format!("collector-{}.log", address.port()));
        Self { address, args, log, running: None }
    }

    fn leased(folder: &Path, server: &Server, address: SocketAddr, redis: &str) -> Self {
        let mut member = Self::new(folder, server, address, &[], &["--peers-redis", redis]);
        let at = member.args.iter().position(|arg| arg == "--peers").unwrap();
        member.args.drain(at..at + 2);
        member
    }

    fn start(&mut self) {
        self.running = Some(Program::start("weir", &self.args, &self.log));
    }

    fn kill(&mut self) {
        self.running.take().unwrap().kill();
    }

    fn stop(&mut self) {
        assert!(self.running.take().unwrap().stop().success(), "{}", self.address);
    }

    /// A figure of its own telemetry, summed over all series that begin so.
    fn reading(&self, series: &str) -> Option<f64> {
        let (_, text) = http_get(self.address, "/metrics")?;
        let lines = text.lines().filter_map(|line| line.strip_prefix(series)?.rsplit_once(' '));
        lines.map(|(_, value)| value.parse::<f64>().ok()).sum()
    }

    fn asked(&self) -> Option<f64> {
        self.reading("weir_collect_targets{state=\"asked\"}")
    }
}

/// Addresses that nobody listens at.
fn free(count: usize) -> Vec<SocketAddr> {
    let bound: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    bound.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

fn configure(folder: &Path, exporter: SocketAddr, targets: usize, interval_s: u64) {
    let groups = (0..targets).map(|at| {
        format!("{{\"targets\":[\"{exporter}\"],\"labels\":{{\"__metrics_path__\":\"/{at}\",\"at\":\"{at}\"}}}}")
    });
    fs::write(folder.join("list.json"), format!("[{}]", groups.collect::<Vec<_>>().join(","))).unwrap();
    let text = format!(
        "global: {{scrape_interval: {interval_s}s}}\nscrape_configs:\n- job_name: many\n  file_sd_configs: [{{files: [list.json]}}]\n"
    );
    fs::write(folder.join("scrape.yml"), text).unwrap();
}

fn assert_shares(members: &[&Member], expected: f64) {
    eventually("all targets to be asked by somebody", PATIENCE, || {
        let shares: Option<Vec<f64>> = members.iter().map(|member| member.asked()).collect();
        let shares = shares?;
        (shares.iter().sum::<f64>() == expected && shares.iter().all(|share| *share > 0.0)).then_some(())
    });
}

#[test]
fn windows_are_stored_once_while_collectors_are_killed_stopped_added_and_disagree() {
    let setting = |name: &str, usual: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (targets, lasting) = (setting("WEIR_CHAOS_TARGETS", 200), setting("WEIR_CHAOS_SECONDS", 60));
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    configure(folder.path(), exporter::serve(target), targets as usize, INTERVAL_S);
    let addresses = free(4);
    let mut members: Vec<_> =
        addresses[..3].iter().map(|one| Member::new(folder.path(), &server, *one, &addresses[..3], &[])).collect();
    // It knows one of the others, and none of them knows it.
    members.push(Member::new(folder.path(), &server, addresses[3], &[addresses[0], addresses[3]], &[]));
    members[..3].iter_mut().for_each(Member::start);
    assert_shares(&members[..3].iter().collect::<Vec<_>>(), targets as f64);
    let all = format!("count(up{{job=\"many\"}}) == {targets}");
    eventually("all targets", PATIENCE, || server.number(&all));

    let (began, seed) = (seconds(), seconds());
    let mut chance = Chance::new(seed);
    while seconds() < began + lasting {
        let at = chance.below(4) as usize;
        let others = members.iter().enumerate().any(|(other, member)| {
            other != at && other != 3 && member.running.as_ref().is_some() && member.asked().is_some()
        });
        match members[at].running.is_some() {
            false => members[at].start(),
            true if !others => continue,
            true if chance.happens(0.5) => members[at].kill(),
            true => members[at].stop(),
        }
        std::thread::sleep(Duration::from_millis(3_000 + chance.below(3_000)));
    }
    // Whole windows, each begun and over within the trouble.
    let (windows, end) = (lasting / INTERVAL_S, began + lasting / INTERVAL_S * INTERVAL_S);
    for member in members.iter_mut().filter(|member| member.running.is_some()) {
        member.stop();
    }
    let whole = format!("count(count_over_time(up{{job=\"many\"}}[{}s]) == {windows})", windows * INTERVAL_S);
    let found = || server.number_at(&whole, end);
    let all_there = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("every window of every target", Duration::from_secs(30), || {
            (found()? == targets as f64).then_some(())
        });
    }));
    assert!(all_there.is_ok(), "{:?} of {targets} targets have all {windows} windows; seed {seed}", found());
    let none_down = format!("count(min_over_time(up{{job=\"many\"}}[{}s]) == 0)", lasting + 120);
    assert_eq!(server.number(&none_down), None, "a target that answers was up 0; seed {seed}");
    let stored = format!("sum(count_over_time(up{{job=\"many\"}}[{}s]))", lasting + 300);
    assert_eq!(
        server.number(&stored),
        server.reading("weir_sink_scrapes_total"),
        "looks that were stored; seed {seed}"
    );
}

#[test]
fn shares_move_with_members_and_two_replicas_ask_each() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    configure(folder.path(), exporter::serve(target), 60, 2);
    let addresses = free(3);
    let mut members: Vec<_> = addresses
        .iter()
        .map(|one| Member::new(folder.path(), &server, *one, &addresses, &["--replicas", "2"]))
        .collect();
    members[0].start();
    assert_shares(&[&members[0]], 60.0);
    members[1].start();
    members[2].start();
    let [a, b, c] = &mut members[..] else { panic!("three") };
    assert_shares(&[a, b, c], 120.0);
    c.kill();
    // Each of two asks everything then.
    assert_shares(&[a, b], 120.0);
    assert_eq!((a.asked(), b.reading("weir_collect_members")), (Some(60.0), Some(2.0)));

    let output = Command::new(program("weir")).args(["collect", "targets", &a.address.to_string()]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let by = |line: &&str| line.contains(" up ") && line.contains(&b.address.to_string());
    assert_eq!(table.lines().filter(by).count(), 60, "{table}");
}

#[test]
fn members_by_leases_in_redis_stay_when_it_is_gone() {
    let path = Path::new("/usr/bin/redis-server");
    assert!(path.exists(), "there is no Redis: run tests/setup, or apt-get install -y redis-server");
    let folder = tempfile::tempdir().unwrap();
    let (server, port) = (Server::start(folder.path()), free(1)[0].port());
    let args = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--requirepass", "sesame", "--save", ""];
    let start = || Program::start_at(path, &args.map(str::to_owned), &folder.path().join("redis.log"));
    let mut redis = start();
    configure(folder.path(), exporter::serve(target), 60, 2);
    let url = format!("redis://:sesame@127.0.0.1:{port}/2");
    let mut members: Vec<_> =
        free(3).into_iter().map(|one| Member::leased(folder.path(), &server, one, &url)).collect();
    members.iter_mut().for_each(Member::start);
    let [a, b, c] = &mut members[..] else { panic!("three") };
    assert_shares(&[a, b, c], 60.0);
    let before = a.asked();
    redis.kill();
    let told = || http_get(a.address, "/-/ready").filter(|(status, told)| *status == 200 && told.contains("Redis at"));
    eventually("its absence to be told", PATIENCE, told);
    assert_eq!((a.asked(), a.reading("weir_collect_members")), (before, Some(3.0)));
    redis = start();
    c.kill();
    assert_shares(&[a, b], 60.0);
    // One that is stopped gives its lease back.
    b.stop();
    eventually("the rest", Duration::from_secs(4), || (a.asked()? == 60.0).then_some(()));
    drop(redis);
}

#[test]
fn a_file_is_read_again_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    configure(folder.path(), exporter::serve(target), 3, 1);
    let address = free(1)[0];
    let mut member = Member::new(folder.path(), &server, address, &[address], &[]);
    member.start();
    assert_shares(&[&member], 3.0);
    let file = folder.path().join("scrape.yml");
    let good = fs::read_to_string(&file).unwrap();
    let hang_up = |text: &str| {
        fs::write(&file, text).unwrap();
        member.running.as_ref().unwrap().signal(Signal::HUP);
    };
    hang_up("scrape_configs: [{job_name: many, scrape_intervall: 1s}]\n");
    eventually("a bad file to be told", PATIENCE, || (member.reading("weir_collect_config_ok")? == 0.0).then_some(()));
    let (status, told) = http_get(address, "/-/ready").unwrap();
    assert!(status == 200 && told.contains("scrape_intervall"), "{status} {told}");
    assert_eq!(member.asked(), Some(3.0));
    let drop = "  relabel_configs: [{source_labels: [at], regex: '0', action: drop}]\n";
    hang_up(&format!("{good}{drop}"));
    eventually("one target less", PATIENCE, || (member.asked()? == 2.0).then_some(()));
    let (_, targets) = http_get(address, "/api/v1/targets").unwrap();
    let targets: Value = serde_json::from_str(&targets).unwrap();
    let data = &targets["data"];
    assert_eq!(data["activeTargets"][0]["discoveredLabels"]["__metrics_path__"], "/1");
    assert_eq!(data["droppedTargets"][0]["discoveredLabels"]["at"], "0");
    // What is no target any more ends by a marker, not after five minutes.
    eventually("its end", PATIENCE, || (server.query("up{at=\"0\"}") == Some(serde_json::json!([]))).then_some(()));

    // It ends when all that it saw is durable.
    assert_eq!(http_get(address, "/-/healthy").unwrap().0, 200);
    let mut running = member.running.take().unwrap();
    assert!(running.stop().success());
    assert!(fs::read_to_string(&member.log).unwrap().contains("all that was seen is sent"));
}

#[test]
fn more_targets_than_open_files_are_asked_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    configure(folder.path(), exporter::serve_keeping(target), 300, 2);
    let address = free(1)[0];
    let mut member = Member::new(folder.path(), &server, address, &[address], &[]);
    let limited =
        ["-c", "ulimit -n 150; exec \"$0\" \"$@\"", &program("weir").display().to_string()].map(str::to_owned);
    let args: Vec<String> = limited.into_iter().chain(member.args.iter().cloned()).collect();
    member.running = Some(Program::start_at(Path::new("/bin/sh"), &args, &member.log));
    eventually("each target to be asked some times", PATIENCE, || {
        (member.reading("weir_collect_looks_total")? > 1_500.0).then_some(())
    });
    // 64 are for the rest, and a quarter of the others goes round.
    assert_eq!(member.reading("weir_collect_connections_kept_max"), Some(65.0));
    assert_eq!(member.reading("weir_collect_connections_kept"), Some(65.0 + 65.0), "those that are, and the most");
    assert_eq!(member.reading("weir_collect_failed_looks_total").unwrap_or_default(), 0.0);
    eventually("all to be up", PATIENCE, || (server.number("sum(up)")? == 300.0).then_some(()));
    let (status, told) = http_get(address, "/-/ready").unwrap();
    assert!(status == 200 && told.contains("LimitNOFILE"), "{status} {told}");
    assert!(member.running.take().unwrap().stop().success());
}
