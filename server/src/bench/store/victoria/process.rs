//! The program `victoria-metrics` as a child: started on a free port of loopback, asked by HTTP, killed at the end.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use weir_meters::process::{self, Usage};
use weir_sample::Timestamp;

use crate::cmd::query;

const PROGRAM: &str = "victoria-metrics";
/// How long it may take to start, and to merge.
const PATIENCE: Duration = Duration::from_secs(300);

/// Says what to do where the program is missing.
pub(in crate::bench::store) fn check_installed() -> Result<()> {
    let outcome = Command::new(PROGRAM).arg("-version").output();
    outcome.map(drop).with_context(|| format!("{PROGRAM} is not there: apt-get install {PROGRAM}"))
}

/// The package's version: the program built by Debian does not know its own.
pub(super) fn version() -> Option<String> {
    let outcome = Command::new("dpkg-query").args(["-W", "-f", "${Version}", PROGRAM]).output().ok()?;
    outcome.status.success().then(|| String::from_utf8_lossy(&outcome.stdout).into_owned())
}

pub(super) struct Victoria {
    child: Child,
    address: String,
    agent: ureq::Agent,
}

impl Victoria {
    /// Starts it on the data in `folder`; returns when it answers.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(PROGRAM)
            .arg(format!("-storageDataPath={}", folder.display()))
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .args(["-retentionPeriod=10y", "-search.maxUniqueTimeseries=100000000", "-search.maxQueryDuration=5m"])
            .args(["-search.maxSamplesPerQuery=100000000000", "-search.latencyOffset=0s", "-loggerLevel=ERROR"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {PROGRAM}: apt-get install {PROGRAM}"))?;
        let mut victoria = Self { child, address: format!("http://127.0.0.1:{port}"), agent: query::agent() };
        let started = Instant::now();
        while victoria.get("/health").is_err() {
            let ended = victoria.child.try_wait()?;
            ensure!(ended.is_none() && started.elapsed() < PATIENCE, "{PROGRAM} does not answer; it ended: {ended:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(victoria)
    }

    /// SIGKILL.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub(super) fn usage(&self) -> Result<Usage> {
        process::usage(self.child.id()).context("the system does not say what the process uses")
    }

    pub(super) fn get(&self, path: &str) -> Result<String> {
        let mut response = self.agent.get(format!("{}{path}", self.address)).call()?;
        let text = response.body_mut().read_to_string()?;
        ensure!(response.status().is_success(), "{path}: {text}");
        Ok(text)
    }

    /// Posts one request of remote write.
    pub(super) fn write(&self, body: &[u8]) -> Result<()> {
        let request = self.agent.post(format!("{}/api/v1/write", self.address));
        let request = request.header("content-encoding", "snappy").header("content-type", "application/x-protobuf");
        let mut response = request.send(body)?;
        if !response.status().is_success() {
            bail!("remote write was refused: {}", response.body_mut().read_to_string()?);
        }
        // Read to its end, so that the connection can be used again.
        response.body_mut().read_to_vec()?;
        Ok(())
    }

    /// The one number that an instant query answers with, from the data and no cache.
    pub(super) fn query(&self, promql: &str, time: Timestamp) -> Result<Option<f64>> {
        let request = self.agent.get(format!("{}/api/v1/query?nocache=1", self.address)).query("query", promql);
        let text = request.query("time", (time.millis() / 1_000).to_string()).call()?.body_mut().read_to_string()?;
        let answer: serde_json::Value = serde_json::from_str(&text)?;
        ensure!(answer["status"] == "success", "{promql}: {text}");
        let number = answer["data"]["result"][0]["value"][1].as_str();
        Ok(number.and_then(|number| number.parse().ok()))
    }

    /// Writes out what is in memory and merges it as far as it would be in the long run.
    pub(super) fn merge_all(&self) -> Result<()> {
        self.get("/internal/force_flush")?;
        self.get("/internal/force_merge")?;
        let started = Instant::now();
        // The merge begins after the answer; then its gauge stays above zero until it is done.
        std::thread::sleep(Duration::from_secs(1));
        while self.active_merges()? > 0.0 {
            ensure!(started.elapsed() < PATIENCE, "{PROGRAM} merges for too long");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn active_merges(&self) -> Result<f64> {
        let text = self.get("/metrics")?;
        let of_merges = text.lines().filter(|line| line.starts_with("vm_active_") && line.contains("merges"));
        Ok(of_merges.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
