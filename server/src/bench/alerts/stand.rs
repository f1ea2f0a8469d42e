//! The programs under test, each a process of its own on loopback, with their files in a folder that goes with them.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use weir_meters::process::{Usage, usage};

use crate::cmd::ask;

/// Whose alerting is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// This very program, as `weir up`.
    Weir,
    /// Debian's VictoriaMetrics, vmalert and Alertmanager.
    Peer,
}

/// Programs that run, until this is dropped.
pub(super) struct Stand {
    pub side: Side,
    /// Where remote write is taken.
    pub server: String,
    /// Where clients' lines of StatsD are taken.
    pub statsd: SocketAddr,
    /// Where agents push to.
    pub batch: SocketAddr,
    programs: Vec<Program>,
    folder: TempDir,
}

pub(super) struct Program {
    pub name: &'static str,
    http: String,
    child: Child,
}

/// How long a program may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

impl Stand {
    /// Starts the programs of a side with these routes and rules.
    pub(super) fn start(side: Side, routes: &str, rules: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let ports = (free()?, free()?, free()?);
        let server = format!("http://{}", ports.0);
        let mut stand = Self { side, server, statsd: ports.1, batch: ports.2, programs: Vec::new(), folder };
        std::fs::create_dir(stand.path("rules"))?;
        std::fs::write(stand.path("routes.yml"), routes)?;
        stand.add_rules("bench.yml", rules)?;
        match side {
            Side::Weir => stand.start_weir(ports.0)?,
            Side::Peer => stand.start_peer(ports.0)?,
        }
        Ok(stand)
    }

    fn start_weir(&mut self, http: SocketAddr) -> Result<()> {
        let alerting = "[alerting]\nrules = ['rules/*.yml']\nconfig = 'routes.yml'\n";
        std::fs::write(self.path("weir.toml"), alerting)?;
        let mut weir = Command::new(std::env::current_exe()?);
        weir.arg("up").arg("--config").arg(self.path("weir.toml")).arg("--data").arg(self.path("data"));
        weir.args(["--http", &http.to_string(), "--batch", &self.batch.to_string()]);
        weir.args(["--statsd", &self.statsd.to_string()]);
        self.start_one("weir", weir, http, "/readyz")
    }

    fn start_peer(&mut self, http: SocketAddr) -> Result<()> {
        let mut store = Command::new("victoria-metrics");
        store.arg(format!("-storageDataPath={}", self.path("data").display()));
        store.args([&format!("-httpListenAddr={http}"), "-search.latencyOffset=0s", "-loggerLevel=ERROR"]);
        self.start_one("victoria-metrics", store, http, "/health")?;
        let at = free()?;
        let mut tells = Command::new("prometheus-alertmanager");
        tells.arg(format!("--config.file={}", self.path("routes.yml").display()));
        tells.arg(format!("--storage.path={}", self.path("told").display()));
        tells.args([&format!("--web.listen-address={at}"), "--cluster.listen-address=", "--log.level=error"]);
        self.start_one("alertmanager", tells, at, "/-/ready")?;
        let (notifier, at) = (format!("-notifier.url=http://{at}"), free()?);
        let mut evaluates = Command::new("vmalert");
        evaluates.arg(format!("-rule={}", self.path("rules/*.yml").display()));
        evaluates.args([format!("-datasource.url={0}", self.server), format!("-remoteWrite.url={0}", self.server)]);
        evaluates.args([&notifier, &format!("-httpListenAddr={at}"), "-configCheckInterval=1s", "-loggerLevel=ERROR"]);
        self.start_one("vmalert", evaluates, at, "/health")
    }

    /// Starts one more program, which goes with the others.
    pub(super) fn start_one(
        &mut self,
        name: &'static str,
        mut command: Command,
        at: SocketAddr,
        ready: &str,
    ) -> Result<()> {
        let log = self.path(&format!("{name}.log"));
        let (out, err) = (File::create(&log)?, File::options().append(true).open(&log)?);
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.with_context(|| format!("starting {name}: is it installed?"))?;
        self.programs.push(Program { name, http: format!("http://{at}"), child });
        let (started, agent) = (Instant::now(), ask::agent());
        let Some(program) = self.programs.last_mut() else { return Ok(()) };
        while !agent.get(format!("{}{ready}", program.http)).call().is_ok_and(|answer| answer.status() == 200) {
            if let Some(ended) = program.child.try_wait()? {
                bail!("{name} has ended, {ended}: {}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            ensure!(started.elapsed() < PATIENCE, "{name} does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// A path in the folder of this stand.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn add_rules(&self, name: &str, rules: &str) -> Result<()> {
        // In one step, so that nobody reads half of it.
        let half = self.path(&format!("{name}.new"));
        std::fs::write(&half, rules)?;
        Ok(std::fs::rename(half, self.path("rules").join(name))?)
    }

    /// What each program uses.
    pub(super) fn usages(&self) -> Vec<(&'static str, Usage)> {
        self.programs.iter().filter_map(|program| Some((program.name, usage(program.child.id())?))).collect()
    }

    /// Memory of all that evaluate and tell, the store of a peer left out.
    pub(super) fn resident_bytes(&self) -> f64 {
        let usages = self.usages().into_iter().filter(|(name, _)| *name != "victoria-metrics");
        usages.map(|(_, usage)| usage.resident_bytes).sum()
    }

    /// The lines of a program's `/metrics` that begin so, each with its value.
    pub(super) fn readings(&self, program: &str, prefix: &str) -> Result<Vec<f64>> {
        let program = self.programs.iter().find(|one| one.name == program).context("no such program runs")?;
        let text = ask::agent().get(format!("{}/metrics", program.http)).call()?.body_mut().read_to_string()?;
        let lines = text.lines().filter(|line| line.starts_with(prefix));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect())
    }

    pub(super) fn reading(&self, program: &str, prefix: &str) -> Result<f64> {
        Ok(self.readings(program, prefix)?.iter().sum())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The agent that is built beside this program.
pub(super) fn agent_program() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("weir-agent");
    ensure!(Path::is_file(&path), "{} is not there: build weir-agent too", path.display());
    Ok(path)
}

/// A port of loopback that is free for UDP and TCP just now.
pub(super) fn free() -> Result<SocketAddr> {
    loop {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
}
