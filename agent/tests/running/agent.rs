//! A real `weir-agent` process, and a gateway that never answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use weir_sample::{Series, Value};
use weir_wire::{Ack, FleetKey, FleetKeyLine, Header, Hints, KeyState, SessionKeys, decode, format_fleet_keys, open};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Agent {
    child: Child,
    log: mpsc::Receiver<String>,
    seen: Vec<String>,
    gateway: UdpSocket,
    points: Vec<(Series, Value)>,
    folder: TempDir,
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_weir-agent");
const SECRET: [u8; 32] = [7; 32];

impl Agent {
    /// Starts an agent that pushes to a socket of the test, with more arguments.
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::start_with("", more)
    }

    /// Starts an agent with a configuration file and more arguments.
    pub(crate) fn start_with(settings: &str, more: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("run");
        Self::launch(command, settings, more)
    }

    /// Starts an agent that pushes elsewhere.
    pub(crate) fn start_at(servers: &str, settings: &str, more: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("run");
        Self::launch_at(Some(servers), command, settings, more)
    }

    /// Starts an agent with variables in its environment.
    pub(crate) fn start_env(variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("run").envs(variables.iter().copied());
        Self::launch(command, "", &["--statsd", "off"])
    }

    /// Starts an agent as systemd does that has opened this socket for it.
    pub(crate) fn start_given(socket: RawFd, settings: &str) -> Self {
        let mut command = Command::new("bash");
        let script = format!("exec 3<&{socket}; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"");
        command.args(["-c", &script, "bash", PROGRAM, "run"]);
        Self::launch(command, settings, &[])
    }

    fn launch(command: Command, settings: &str, more: &[&str]) -> Self {
        Self::launch_at(None, command, settings, more)
    }

    fn launch_at(servers: Option<&str>, mut command: Command, settings: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("fleet.keys");
        let key = FleetKey { id: 1, secret: SECRET };
        let line = FleetKeyLine { key, state: KeyState::Active, created: 1 };
        weir_files::replace(&keys, format_fleet_keys(&[line]).as_bytes(), 0o600).unwrap();
        let gateway = UdpSocket::bind("127.0.0.1:0").unwrap();
        gateway.set_read_timeout(Some(PATIENCE)).unwrap();
        let config = folder.path().join("weir-agent.toml");
        std::fs::write(&config, settings).unwrap();
        let own = gateway.local_addr().unwrap().to_string();
        command.args(["--host", "test", "--server", servers.unwrap_or(&own)]);
        if !more.contains(&"--interval") {
            command.args(["--interval", "1s"]);
        }
        command.arg("--config").arg(&config).arg("--keys").arg(&keys);
        command.arg("--state").arg(folder.path().join("state")).args(more);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (lines, log) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        Self { child, log, seen: Vec::new(), gateway, points: Vec::new(), folder }
    }

    /// SIGTERM; acknowledges what the agent still sends, and tells how it ended.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.gateway.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            self.receive_batch();
        }
    }

    /// A file in the agent's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration file anew and asks for a reload.
    pub(crate) fn reload(&mut self, settings: &str) {
        std::fs::write(self.file("weir-agent.toml"), settings).unwrap();
        self.seen.clear();
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// Waits until a batch holds a point of which this is true.
    pub(crate) fn point(&mut self, wanted: impl Fn(&Series, &Value) -> bool) -> (Series, Value) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.points.iter().position(|(series, value)| wanted(series, value)) {
                return self.points.swap_remove(at);
            }
            assert!(Instant::now() < deadline, "no such point: {:#?}", self.points);
            self.receive_batch();
        }
    }

    /// Takes one batch and acknowledges it.
    fn receive_batch(&mut self) {
        let mut datagram = [0; 2_048];
        let Ok((size, peer)) = self.gateway.recv_from(&mut datagram) else { return };
        let header = Header::decode(&datagram[..size]).unwrap();
        let key = FleetKey { id: 1, secret: SECRET };
        let keys = SessionKeys::new(&key.session(header.tenant, header.agent, header.expires));
        let batch = decode(open(&mut datagram[..size], &keys).unwrap()).unwrap();
        self.points.extend(batch.points);
        let (epoch, server_time) = (header.epoch, batch.window.end());
        let ack = Ack { epoch, seqs: vec![header.seq], hints: Hints::default(), server_time };
        let mut answer = Vec::new();
        ack.seal(&header, [0; 12], &keys, &mut answer);
        self.gateway.send_to(&answer, peer).unwrap();
    }

    /// Waits until this holds.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < deadline, "waited for {what}: {:#?}", self.log.try_iter().collect::<Vec<_>>());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the log holds a line with `text`.
    pub(crate) fn log_line(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.seen.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.log.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("no {text:?} in the log: {:#?}", self.seen),
            }
        }
    }

    /// The address that a log line with `text` tells.
    pub(crate) fn address(&mut self, text: &str) -> String {
        let line = self.log_line(text);
        let plain: String = strip_colour(&line);
        let at = plain.find("address=").unwrap_or_else(|| panic!("no address in {plain:?}"));
        plain[at + "address=".len()..].split(' ').next().unwrap().to_owned()
    }

    /// A page of the agent's own HTTP server.
    pub(crate) fn page(&mut self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address("serving /metrics")).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Asks for /metrics until `series` has `value`; the page that says so.
    pub(crate) fn metric_becomes(&mut self, series: &str, value: f64) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.page("/metrics");
            let found = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok());
            if found == Some(value) {
                return text;
            }
            assert!(Instant::now() < deadline, "{series} is {found:?}, not {value}, in\n{text}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn strip_colour(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest
}
