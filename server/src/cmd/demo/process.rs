//! Programs that the demo runs beside itself.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// A running program; killed if it is dropped while it still runs.
pub(super) struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    /// This same program, with other arguments.
    pub(super) fn server(args: &[&str]) -> Result<Self> {
        Self::spawn("weir", Command::new(std::env::current_exe()?).args(args))
    }

    /// An agent for this host, with its StatsD listener at `statsd`.
    pub(super) fn agent(
        batch: SocketAddr,
        keys: &Path,
        state: &Path,
        statsd: SocketAddr,
        interval: &str,
    ) -> Result<Self> {
        let mut command = Command::new(agent_program()?);
        command.args(["run", "--server", &batch.to_string(), "--statsd", &statsd.to_string(), "--interval", interval]);
        command.arg("--keys").arg(keys).arg("--state").arg(state);
        Self::spawn("weir-agent", &mut command)
    }

    fn spawn(name: &'static str, command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {:?}", command.get_program()))?;
        Ok(Self { name, child })
    }

    /// SIGKILL: no chance to tidy up.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, then waits for a clean exit.
    pub(super) fn stop(mut self) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).with_context(|| format!("stopping {}", self.name))?;
        let mut status = None;
        wait_until("a clean exit", Duration::from_secs(30), || {
            status = self.exited()?;
            Ok(status.is_some())
        })
        .with_context(|| format!("{} did not stop", self.name))?;
        ensure!(status.is_some_and(|status| status.success()), "{} ended with {status:?}", self.name);
        Ok(())
    }

    fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// `weir-agent` beside this program, or on the PATH.
fn agent_program() -> Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("weir-agent");
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates =
        std::iter::once(beside).chain(std::env::split_paths(&on_path).map(|dir| dir.join("weir-agent")));
    candidates
        .find(|path| path.is_file())
        .context("weir-agent is neither beside weir nor on the PATH: `make build` makes both")
}

/// A loopback port that is free for UDP and TCP just now.
pub(super) fn free_port() -> Result<SocketAddr> {
    for _ in 0..100 {
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        let address = tcp.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free on 127.0.0.1")
}

/// Asks again and again until the answer is yes; an error counts as not yet and is told at the end.
pub(super) fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    loop {
        let outcome = done();
        if matches!(outcome, Ok(true)) {
            return Ok(());
        }
        if started.elapsed() > limit {
            let seen = outcome.err().map_or_else(String::new, |error| format!(": {error:#}"));
            bail!("waited {} s for {what}{seen}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
