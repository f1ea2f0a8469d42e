//! A real `weir-agent` process, and a gateway that never answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use weir_wire::{FleetKey, FleetKeyLine, KeyState, format_fleet_keys};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Agent {
    child: Child,
    log: mpsc::Receiver<String>,
    seen: Vec<String>,
    _gateway: UdpSocket,
    _folder: TempDir,
}

impl Agent {
    /// Starts an agent that pushes to a socket of the test, with more arguments.
    pub(crate) fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("fleet.keys");
        let key = FleetKey { id: 1, secret: [7; 32] };
        std::fs::write(&keys, format_fleet_keys(&[FleetKeyLine { key, state: KeyState::Active, created: 1 }])).unwrap();
        let gateway = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_weir-agent"))
            .args(["run", "--host", "test", "--interval", "1s"])
            .args(["--server", &gateway.local_addr().unwrap().to_string()])
            .arg("--keys")
            .arg(&keys)
            .arg("--state")
            .arg(folder.path().join("state"))
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, log) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        Self { child, log, seen: Vec::new(), _gateway: gateway, _folder: folder }
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

    /// Asks for /metrics until `series` has `value`.
    pub(crate) fn metric_becomes(&mut self, series: &str, value: f64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.page("/metrics");
            let found = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok());
            if found == Some(value) {
                return;
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
