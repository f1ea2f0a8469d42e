//! A program under test with a board of faults beside it, which can be killed, held and started again while others ask it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use weir_tests::{Board, Program, Switch, program};

/// What a site's process is started with.
pub(crate) struct Process {
    pub(crate) name: String,
    /// Where it answers HTTP.
    pub(crate) http: SocketAddr,
    program: Mutex<Program>,
    /// How often it was started: who sees it grow knows that what was in memory is gone.
    starts: AtomicU64,
    /// Taken while it is meant to be dead.
    down: AtomicBool,
    board: Board,
    args: Vec<String>,
    log: PathBuf,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
    pub(crate) resident_mib: u64,
}

/// A stopped process does not answer at all; who asks must not wait for long.
const ANSWER: Duration = Duration::from_secs(5);

impl Process {
    pub(crate) fn start(folder: &Path, (binary, name): (&str, &str), http: SocketAddr, args: &str) -> Self {
        let (board, log) = (Board::new(folder, name), folder.join(format!("{name}.log")));
        let command = std::iter::once(program(binary).display().to_string()).chain(args.split(' ').map(String::from));
        let args: Vec<String> = board.environment().iter().cloned().chain(command).collect();
        let program = Mutex::new(run(&args, &log));
        let (starts, down) = (AtomicU64::new(1), AtomicBool::new(false));
        Self { name: name.into(), http, program, starts, down, board, args, log }
    }

    fn program(&self) -> MutexGuard<'_, Program> {
        self.program.lock().unwrap()
    }

    pub(crate) fn starts(&self) -> u64 {
        self.starts.load(SeqCst)
    }

    /// Kills it; it stays down until [`Self::start_again`].
    pub(crate) fn kill(&self) {
        self.down.store(true, SeqCst);
        self.program().kill();
    }

    pub(crate) fn start_again(&self) {
        let mut program = self.program();
        // Counted first: who sees the old number has not asked the new process.
        self.starts.fetch_add(1, SeqCst);
        *program = run(&self.args, &self.log);
        self.down.store(false, SeqCst);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if self.program().is_running() {
            self.program().signal(signal);
        }
    }

    /// How it ended, though nobody killed it.
    pub(crate) fn fallen(&self) -> Option<ExitStatus> {
        if self.down.load(SeqCst) { None } else { self.program().ended() }
    }

    /// SIGTERM, and how it ended: none after `limit`.
    pub(crate) fn stop(&self, limit: Duration) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        self.down.store(true, SeqCst);
        within(limit, || self.program().ended())
    }

    pub(crate) fn switch(&self, switch: Switch, value: i64) {
        self.board.set(switch, value);
    }

    /// GET: status and body; none when nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER)).build();
        let mut response = ureq::Agent::from(config).get(format!("http://{}{path}", self.http)).call().ok()?;
        Some((response.status().as_u16(), response.body_mut().read_to_string().ok()?))
    }

    /// A figure of `/metrics`, named with its labels.
    pub(crate) fn reading(&self, series: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// An instant query's series: labels and value.
    pub(crate) fn series(&self, promql: &str) -> Option<Vec<(Value, f64)>> {
        let answer = self.query(promql)?;
        let series = answer["data"]["result"].as_array()?.iter();
        series.map(|one| Some((one["metric"].clone(), one["value"][1].as_str()?.parse().ok()?))).collect()
    }

    /// Times and values of all series that a range selector finds.
    pub(crate) fn samples(&self, selector: &str) -> Option<Vec<(f64, String)>> {
        let answer = self.query(selector)?;
        let samples = answer["data"]["result"].as_array()?.iter().flat_map(|one| one["values"].as_array()).flatten();
        samples.map(|sample| Some((sample[0].as_f64()?, sample[1].as_str()?.to_owned()))).collect()
    }

    /// It looks from a quarter of an hour ahead, since clocks were wrong.
    fn query(&self, promql: &str) -> Option<Value> {
        let encoded: String = promql.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let at = now_ms() / 1_000 + 900;
        let (status, body) = self.get(&format!("/api/v1/query?query={encoded}&time={at}"))?;
        serde_json::from_str(&body).ok().filter(|_| status == 200)
    }

    pub(crate) fn held(&self) -> Option<Held> {
        let folder = PathBuf::from(format!("/proc/{}", self.program().id()));
        let count = |name: &str| Some(std::fs::read_dir(folder.join(name)).ok()?.count() as u64);
        let status = std::fs::read_to_string(folder.join("status")).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
        let resident_mib = resident.parse::<u64>().ok()? >> 10;
        Some(Held { threads: count("task")?, descriptors: count("fd")?, resident_mib })
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// By `env`, which becomes the program: its process id is the program's.
fn run(args: &[String], log: &Path) -> Program {
    Program::start_at(Path::new("/usr/bin/env"), args, log)
}

pub(crate) fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Asks until there is an answer, or the time is up.
pub(crate) fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = std::time::Instant::now() + limit;
    loop {
        let answer = ask();
        if answer.is_some() || std::time::Instant::now() > until {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
