//! The programs under test.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Board, eventually};

/// How long a program may take to start, stop or catch up on this (slow, shared) machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// It becomes the program that it starts.
const ENV: &str = "/usr/bin/env";

/// A child process, killed when dropped.
pub struct Program {
    child: Child,
}

impl Program {
    /// Starts one of this workspace's programs; its output goes to `log`.
    pub fn start(name: &str, args: &[String], log: &Path) -> Self {
        Self::start_at(&program(name), args, log)
    }

    /// Starts any program.
    pub fn start_at(path: &Path, args: &[String], log: &Path) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(path)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("starting {}: {error}", path.display()));
        Self { child }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; returns how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        eventually("a program to stop", PATIENCE, || self.child.try_wait().unwrap())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, once it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.ended().is_none()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub struct ServerPorts {
    /// Console and HTTP API.
    pub http: SocketAddr,
    /// Sealed batches.
    pub batch: SocketAddr,
}

impl ServerPorts {
    /// Ports that are free just now.
    pub fn free() -> Self {
        Self { http: free_port(), batch: free_port() }
    }
}

/// `weir` in one of its roles, with its data in a folder of the test.
pub struct Server {
    /// The process.
    pub program: Program,
    /// Where it listens.
    pub ports: ServerPorts,
    /// Its data folder.
    pub data: PathBuf,
    /// What `env` starts.
    args: Vec<String>,
}

impl Server {
    /// Starts `weir up` on free ports and waits until it is ready.
    pub fn start(folder: &Path) -> Self {
        Self::start_on(folder, ServerPorts::free(), &[])
    }

    /// Starts `weir up` on given ports, with more arguments, and waits until it is ready.
    pub fn start_on(folder: &Path, ports: ServerPorts, more: &[&str]) -> Self {
        Self::start_as("up", folder.join("server"), ports, more)
    }

    /// Starts `weir up` under a board of faults, and waits until it is ready.
    pub fn start_under(board: &Board, folder: &Path, more: &[&str]) -> Self {
        Self::start_with(board.environment(), "up", folder.join("server"), ServerPorts::free(), more)
    }

    /// Starts `weir` in a role, with its data in a folder, and waits until it is ready.
    pub fn start_as(role: &str, data: PathBuf, ports: ServerPorts, more: &[&str]) -> Self {
        Self::start_with(&[], role, data, ports, more)
    }

    fn start_with(environment: &[String], role: &str, data: PathBuf, ports: ServerPorts, more: &[&str]) -> Self {
        let mut args = environment.to_vec();
        args.extend([program("weir").display().to_string(), role.into()]);
        if !more.contains(&"--statsd") {
            args.extend(["--statsd".into(), "off".into()]);
        }
        args.push("--http".into());
        args.extend([ports.http.to_string(), "--batch".into(), ports.batch.to_string()]);
        args.extend(["--data".into(), data.display().to_string()]);
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        let program = Program::start_at(Path::new(ENV), &args, &data.with_extension("log"));
        let server = Self { program, ports, data, args };
        server.wait_until_ready();
        server
    }

    /// Takes over `weir up` that was started in another way, and waits until it is ready.
    pub fn adopt(program: Program, ports: ServerPorts, data: PathBuf) -> Self {
        let server = Self { program, ports, data, args: Vec::new() };
        server.wait_until_ready();
        server
    }

    /// Waits until it serves.
    pub fn wait_until_ready(&self) {
        eventually("the server to be ready", PATIENCE, || self.get("/readyz").filter(|(status, _)| *status == 200));
    }

    /// Starts it again after its process has ended, and does not wait.
    pub fn start_again(&mut self) {
        self.program = Program::start_at(Path::new(ENV), &self.args, &self.data.with_extension("log"));
    }

    /// The file with the fleet keys.
    pub fn keys(&self) -> PathBuf {
        self.data.join("fleet.keys")
    }

    /// GET: status and body; `None` when nobody answers.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        self.ask(path, None)
    }

    /// GET with a bearer token.
    pub fn ask(&self, path: &str, token: Option<&str>) -> Option<(u16, String)> {
        let timeout = Some(Duration::from_secs(30));
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(timeout).build();
        let mut request = ureq::Agent::from(config).get(format!("http://{}{path}", self.ports.http));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request.call().ok()?;
        Some((response.status().as_u16(), response.body_mut().read_to_string().ok()?))
    }

    /// The result of an instant query; `None` while there is no server or no answer.
    pub fn query(&self, promql: &str) -> Option<Value> {
        self.query_with(promql, "")
    }

    fn query_with(&self, promql: &str, more: &str) -> Option<Value> {
        let encoded: String = promql.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (_, body) = self.get(&format!("/api/v1/query?query={encoded}{more}"))?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        Some(answer["data"]["result"].clone())
    }

    /// The first value of an instant query.
    pub fn number(&self, promql: &str) -> Option<f64> {
        number(&self.query(promql)?)
    }

    /// The first value of an instant query as of a time, in seconds.
    pub fn number_at(&self, promql: &str, time: u64) -> Option<f64> {
        number(&self.query_with(promql, &format!("&time={time}"))?)
    }

    /// One figure of `/metrics`, named with its labels as they are printed.
    pub fn reading(&self, series: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        reading(&text, series)
    }

    /// Runs a script of console/test against its console, with more arguments; it says by its exit whether all was right.
    pub fn is_used_by(&self, script: &str, more: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../console/test").join(script);
        let console = format!("http://{}", self.ports.http);
        let output = Command::new("node").arg(&script).arg(console).args(more).output();
        let output = output.expect("node is missing: apt-get install nodejs npm");
        let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}\n{log}");
    }
}

fn number(result: &Value) -> Option<f64> {
    result[0]["value"][1].as_str()?.parse().ok()
}

/// `weir-agent run`, pushing to some address.
pub struct Agent {
    /// The process.
    pub program: Program,
    /// Where it listens for StatsD.
    pub statsd: SocketAddr,
    /// Where it serves its own telemetry.
    pub telemetry: SocketAddr,
    args: Vec<String>,
    log: PathBuf,
}

impl Agent {
    /// Starts an agent with a one-second window that pushes to `servers`, one address or several with commas.
    pub fn start(folder: &Path, servers: &str, keys: &Path, more: &[&str]) -> Self {
        let (statsd, telemetry, log) = (free_port(), free_port(), folder.join("agent.log"));
        let mut args: Vec<String> = ["run", "--interval", "1s", "--server", servers].map(String::from).into();
        args.extend(["--keys".into(), keys.display().to_string()]);
        args.extend(["--statsd".into(), statsd.to_string(), "--telemetry".into(), telemetry.to_string()]);
        args.extend(["--state".into(), folder.join("agent").display().to_string()]);
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        let program = Program::start("weir-agent", &args, &log);
        let agent = Self { program, statsd, telemetry, args, log };
        agent.wait_until_it_listens();
        agent
    }

    /// Starts it again after its process has ended, and waits until it listens.
    pub fn start_again(&mut self) {
        self.program = Program::start("weir-agent", &self.args, &self.log);
        self.wait_until_it_listens();
    }

    fn wait_until_it_listens(&self) {
        eventually("the agent to listen", PATIENCE, || self.reading("weir_agent_statsd_lines_total"));
    }

    /// Sends StatsD lines to this agent, one per datagram.
    pub fn emit(&self, line: &str, times: usize) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..times {
            socket.send_to(line.as_bytes(), self.statsd).unwrap();
        }
    }

    /// One figure of its `/metrics`, named with its labels as they are printed.
    pub fn reading(&self, series: &str) -> Option<f64> {
        let mut response = ureq::get(format!("http://{}/metrics", self.telemetry)).call().ok()?;
        reading(&response.body_mut().read_to_string().ok()?, series)
    }
}

fn reading(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// A loopback port that is free for UDP and TCP just now.
pub fn free_port() -> SocketAddr {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// A program beside this test's own folder, where `make test` builds it.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join(name);
    assert!(path.is_file(), "{} is missing: cargo build --bin weir --bin weir-agent", path.display());
    path
}
