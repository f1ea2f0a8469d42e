//! `weir demo --check`: the promise of the whole path, proved on this host in under a minute.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::process::{Process, free_port, wait_until};
use crate::cmd::{ask, emit};

/// Counter lines sent before and after the server is killed.
const LINES_BEFORE: usize = 1_000;
const LINES_AFTER: usize = 500;
const PATIENCE: Duration = Duration::from_secs(40);

pub(super) fn run() -> Result<()> {
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    let bench = Bench { http: free_port()?, batch: free_port()?, statsd: free_port()?, folder: folder.path() };

    let server = bench.start_server()?;
    let agent = bench.start_agent()?;
    bench.wait_for_agent_statsd()?;
    bench.emit(LINES_BEFORE)?;
    wait_until("the StatsD lines and the host's metrics to be queryable", PATIENCE, || {
        Ok(bench.jobs_done()? == LINES_BEFORE as f64 && bench.host_series()? > 20)
    })?;
    show!(
        "ok  {LINES_BEFORE} StatsD lines of a short-lived job are queryable, and {} host series",
        bench.host_series()?
    );

    let before = bench.raw_samples()?;
    server.kill()?;
    bench.emit(LINES_AFTER)?;
    let server = bench.start_server()?;
    show!("ok  the server was killed (SIGKILL) and is ready again; {LINES_AFTER} lines were sent meanwhile");

    let expected = (LINES_BEFORE + LINES_AFTER) as f64;
    wait_until("the lines sent while the server was away", PATIENCE, || Ok(bench.jobs_done()? >= expected))?;
    let total = bench.jobs_done()?;
    ensure!(total == expected, "the counter stands at {total}, {expected} were emitted: a batch was counted twice");
    show!("ok  the counter stands at {total}: every line counted, and counted once");

    let after = bench.raw_samples()?;
    let kept = verify_kept(&before, &after)?;
    show!("ok  all {kept} samples that were queryable before the kill are still there, unchanged");

    agent.stop()?;
    server.stop()?;
    show!("ok  agent and server stopped cleanly");
    Ok(())
}

/// Where the two programs of this check live.
struct Bench<'a> {
    http: SocketAddr,
    batch: SocketAddr,
    statsd: SocketAddr,
    folder: &'a Path,
}

/// Series → time → value, as the API spells them.
type Samples = BTreeMap<String, BTreeMap<String, String>>;

impl Bench<'_> {
    fn start_server(&self) -> Result<Process> {
        let data = self.folder.join("server");
        let (http, batch) = (self.http.to_string(), self.batch.to_string());
        let data = data.to_str().context("the temporary folder's name is not UTF-8")?;
        let server = Process::server(&["up", "--data", data, "--http", &http, "--batch", &batch, "--statsd", "off"])?;
        wait_until("the server to be ready", PATIENCE, || {
            Ok(ask::agent().get(format!("{}/readyz", self.url())).call()?.status() == 200)
        })?;
        Ok(server)
    }

    fn start_agent(&self) -> Result<Process> {
        let keys = self.folder.join("server/fleet.keys");
        Process::agent(self.batch, &keys, &self.folder.join("agent"), self.statsd, "1s")
    }

    /// The agent is up once its first batch is stored; until then its StatsD port may be closed.
    fn wait_for_agent_statsd(&self) -> Result<()> {
        wait_until("the agent's first batch", PATIENCE, || Ok(self.host_series()? > 0))
    }

    fn emit(&self, lines: usize) -> Result<()> {
        emit::send(self.statsd, std::iter::repeat_n("demo.jobs.done:1|c|#queue:mail", lines))
    }

    fn jobs_done(&self) -> Result<f64> {
        self.number("sum(demo_jobs_done)")
    }

    fn host_series(&self) -> Result<usize> {
        Ok(self.number(r#"count({__name__=~"system_.+"})"#)? as usize)
    }

    fn number(&self, promql: &str) -> Result<f64> {
        let answer = ask::instant(&self.url(), promql, None, None)?;
        let value = answer["data"]["result"][0]["value"][1].as_str().unwrap_or("0");
        Ok(value.parse()?)
    }

    /// Every sample of the last minutes, by a range selector, which the API answers with raw samples.
    fn raw_samples(&self) -> Result<Samples> {
        let answer = ask::instant(&self.url(), r#"{__name__=~"system_.+|demo_.+"}[10m]"#, None, None)?;
        let series = answer["data"]["result"].as_array().context("the answer has no result")?;
        Ok(series.iter().map(|series| (series["metric"].to_string(), points(series))).collect())
    }

    fn url(&self) -> String {
        format!("http://{}", self.http)
    }
}

fn points(series: &Value) -> BTreeMap<String, String> {
    let points = series["values"].as_array().into_iter().flatten();
    points.map(|point| (point[0].to_string(), point[1].to_string())).collect()
}

/// Counts the samples of `before` after making sure that `after` has each of them.
///
/// A counter's newest sample may still grow, by deltas that arrive late for their window; nothing else may change.
fn verify_kept(before: &Samples, after: &Samples) -> Result<usize> {
    let mut kept = 0;
    for (series, points) in before {
        let now = after.get(series).with_context(|| format!("{series} is gone"))?;
        for (time, value) in points {
            let found = now.get(time).with_context(|| format!("the sample of {series} at {time} is gone"))?;
            ensure!(found == value, "{series} at {time} was {value} and is now {found}");
            kept += 1;
        }
    }
    ensure!(kept > 0, "there was nothing to verify");
    Ok(kept)
}
