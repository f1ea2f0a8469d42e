//! Promise: neither the network nor the disk ends an agent. UDP that is swallowed gives way to TLS within half a minute and is
//! used again within one, by IPv4 and IPv6; it runs without a route, without a state folder, and ends when told.
//!
//! Networks are namespaces of the test's own: agent, router, gateway. The router drops UDP by a rule of its routing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use weir_tests::{Agent, Program, eventually, free_port, program};

const PATIENCE: Duration = Duration::from_secs(60);

/// Namespaces that go with the test.
struct Net {
    names: Vec<String>,
}

impl Net {
    fn new(roles: &[&str]) -> Self {
        let names: Vec<String> = roles.iter().map(|role| format!("weir-{role}-{}", std::process::id())).collect();
        let net = Self { names };
        for at in 0..net.names.len() {
            ip(&["netns", "add", &net.names[at]]);
            net.ip(at, "link set lo up");
        }
        net
    }

    /// Agent, router and gateway in a row, with a network of each kind between two of them.
    fn routed() -> Self {
        let net = Self::new(&["agent", "router", "gateway"]);
        for (end, link) in [(0, 1), (2, 2)] {
            let (near, far) = (&net.names[end], &net.names[1]);
            ip(&[
                "link",
                "add",
                "up0",
                "netns",
                near,
                "type",
                "veth",
                "peer",
                "name",
                &format!("down{link}"),
                "netns",
                far,
            ]);
            for (at, device, last) in [(end, "up0".to_owned(), 2), (1, format!("down{link}"), 1)] {
                net.ip(at, &format!("addr add 10.77.{link}.{last}/24 dev {device}"));
                net.ip(at, &format!("addr add fd77:{link}::{last}/64 dev {device} nodad"));
                net.ip(at, &format!("link set {device} up"));
            }
            net.ip(end, &format!("route add default via 10.77.{link}.1"));
            net.ip(end, &format!("-6 route add default via fd77:{link}::1"));
        }
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";
        ip(&["netns", "exec", &net.names[1], "sh", "-c", forward]);
        net
    }

    fn ip(&self, at: usize, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        ip(&[&["-n", &self.names[at]], &words[..]].concat());
    }

    /// Starts a program in a namespace.
    fn start(&self, at: usize, name: &str, args: &str, log: &Path) -> Program {
        let program = program(name).display().to_string();
        let args = ["netns", "exec", &self.names[at], &program].into_iter().chain(args.split(' '));
        Program::start_at(Path::new("ip"), &args.map(str::to_owned).collect::<Vec<_>>(), log)
    }

    /// What `weir-agent status` says in the agent's namespace; empty while it cannot.
    fn status(&self, telemetry: &str) -> String {
        let agent = program("weir-agent").display().to_string();
        let args = ["netns", "exec", &self.names[0], &agent, "status", "--telemetry", telemetry];
        String::from_utf8(Command::new("ip").args(args).output().unwrap().stdout).unwrap()
    }

    fn swallow_udp(&self, swallows: bool) {
        let verb = if swallows { "add" } else { "del" };
        self.ip(1, &format!("rule {verb} ipproto udp blackhole"));
        self.ip(1, &format!("-6 rule {verb} ipproto udp blackhole"));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).output();
        }
    }
}

fn ip(args: &[&str]) {
    let Output { status, stderr, .. } = Command::new("ip").args(args).output().unwrap();
    assert!(status.success(), "ip {}: {}", args.join(" "), String::from_utf8_lossy(&stderr));
}

fn figure(page: &str, name: &str) -> Option<u64> {
    page.split_once(&format!(" {name} "))?.1.split_whitespace().next()?.parse().ok()
}

#[test]
fn swallowed_udp_gives_way_to_tls_and_comes_back_by_ipv4_and_ipv6() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let net = Net::routed();
    let certs = Command::new(program("weir"))
        .args(["certs", "dev", &path("certs"), "--host", "10.77.2.2", "--host", "fd77:2::2"])
        .output()
        .unwrap();
    assert!(certs.status.success(), "{}", String::from_utf8_lossy(&certs.stderr));
    let tls =
        format!("certificates = {:?}\nkey = {:?}\nhttp = false", path("certs/server.pem"), path("certs/server.key"));
    std::fs::write(folder.path().join("weir.toml"), format!("[tls]\n{tls}\n")).unwrap();
    let args = format!(
        "up --statsd off --http 127.0.0.1:8641 --batch [::]:8640 --data {} --config {}",
        path("server"),
        path("weir.toml")
    );
    let _server = net.start(2, "weir", &args, &folder.path().join("server.log"));
    let keys = folder.path().join("server/fleet.keys");
    eventually("the fleet keys", PATIENCE, || keys.is_file().then_some(()));
    let kinds = [("v4", "10.77.2.2:8640", "127.0.0.1:8701"), ("v6", "[fd77:2::2]:8640", "127.0.0.1:8702")];
    let agents = kinds.map(|(name, server, telemetry)| {
        let (state, ca) = (path(name), path("certs/ca.pem"));
        let args = format!(
            "run --host {name} --interval 1s --statsd off --server {server} --telemetry {telemetry} --state {state} --keys {} --ca {ca}",
            keys.display()
        );
        net.start(0, "weir-agent", &args, &folder.path().join(format!("{name}.log")))
    });
    let all = |what: &str, holds: &dyn Fn(&str) -> bool| {
        let began = Instant::now();
        for (name, _, telemetry) in kinds {
            eventually(&format!("{what} by {name}"), PATIENCE, || holds(&net.status(telemetry)).then_some(()));
        }
        began.elapsed()
    };
    all("the first acks", &|page| figure(page, "acked") > Some(2) && figure(page, "on tls") == Some(0));
    net.swallow_udp(true);
    // A window more than the half minute, which begins with the first send that is not answered.
    let to_tls = all("TLS", &|page| figure(page, "on tls") == Some(1));
    assert!(to_tls < Duration::from_secs(32), "{to_tls:?}");
    all("acks by TLS", &|page| figure(page, "waiting") < Some(4));
    net.swallow_udp(false);
    let to_udp = all("UDP", &|page| figure(page, "on tls") == Some(0));
    assert!(to_udp < Duration::from_secs(60), "{to_udp:?}");
    all("acks by UDP", &|page| figure(page, "waiting") < Some(4) && figure(page, "dropped") == Some(0));
    for mut agent in agents {
        assert!(agent.stop().success());
    }
}

#[test]
fn an_agent_without_a_route_runs_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let (net, keys) = (Net::new(&["alone"]), key_file(folder.path()));
    let (telemetry, state) = ("127.0.0.1:8701", folder.path().join("state"));
    let args = format!(
        "run --host a --interval 1s --statsd off --server [2001:db8::1]:8640,10.9.9.9:18640,gateway.example:1 \
         --telemetry {telemetry} --state {} --keys {}",
        state.display(),
        keys.display()
    );
    let mut agent = net.start(0, "weir-agent", &args, &folder.path().join("log"));
    eventually("windows that wait", PATIENCE, || (figure(&net.status(telemetry), "waiting") > Some(2)).then_some(()));
    assert!(agent.is_running());
    assert!(agent.stop().success());
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(log.matches("there is no way to the gateway").count(), 2, "{log}");
}

#[test]
fn a_second_agent_on_a_state_folder_is_refused_and_told_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let keys = key_file(folder.path());
    let agent = Agent::start(folder.path(), "127.0.0.1:9", &keys, &[]);
    let state = folder.path().join("agent");
    let second = Command::new(program("weir-agent"))
        .args(["run", "--statsd", "off", "--server", "127.0.0.1:9", "--telemetry", &free_port().to_string()])
        .arg("--keys")
        .arg(&keys)
        .arg("--state")
        .arg(&state)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && told.contains(&format!("in use by process {}", agent.program.id())), "{told}");
}

#[test]
fn an_agent_without_a_state_folder_runs_from_memory_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let keys = key_file(folder.path());
    // A file where the folder ought to be: nothing can be made in it, whoever asks.
    std::fs::write(folder.path().join("agent"), "").unwrap();
    let mut agent = Agent::start(folder.path(), "127.0.0.1:9", &keys, &[]);
    assert_eq!(agent.reading("weir_agent_state_in_memory"), Some(1.0));
    eventually("a batch", PATIENCE, || (agent.reading("weir_agent_spooled_batches")? > 0.0).then_some(()));
    assert!(agent.program.stop().success());
    assert!(std::fs::read_to_string(folder.path().join("agent.log")).unwrap().contains("running from memory"));
}

#[test]
fn a_stop_ends_an_agent_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("keys");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let args = ["run", "--statsd", "off", "--server", "127.0.0.1:9", "--telemetry", &free_port().to_string(), "--keys"];
    let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    args.extend([pipe.display().to_string(), "--state".into(), folder.path().join("state").display().to_string()]);
    let log = folder.path().join("log");
    let mut agent = Program::start("weir-agent", &args, &log);
    eventually("its start", PATIENCE, || std::fs::read_to_string(&log).ok()?.contains("pushing").then_some(()));
    let told = Instant::now();
    agent.signal(Signal::TERM);
    eventually("its end", Duration::from_secs(15), || agent.ended());
    assert!(told.elapsed() < Duration::from_secs(15));
}

/// A file with one fleet key.
fn key_file(folder: &Path) -> PathBuf {
    let path = folder.join("fleet.keys");
    let made = Command::new(program("weir")).args(["keys", "new"]).arg(&path).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}
