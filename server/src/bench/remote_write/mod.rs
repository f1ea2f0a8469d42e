//! `weir bench remote-write`: a sender of remote write over real HTTP, and what its samples cost the server until they are
//! stored, not only acknowledged.

pub(super) mod course;
mod load;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Map, Value, json};
use weir_files::say;

use super::cost::ServerCost;
use crate::clock::{duration, now};
use course::{Course, Shape, Tally};

#[derive(clap::Args)]
pub(crate) struct RemoteWriteArgs {
    /// Series to write, one sample of each per round
    #[arg(long, default_value_t = 50_000)]
    series: usize,
    /// Series of each host
    #[arg(long, default_value_t = 100)]
    per_host: usize,
    /// Samples of a request
    #[arg(long, default_value_t = 2_000)]
    per_request: usize,
    /// Most by which the times of two hosts in a round differ, in milliseconds
    #[arg(long, default_value_t = 0)]
    jitter_ms: u32,
    /// Series of one host differ by that too, so that no two have their times in common
    #[arg(long)]
    each_jitters: bool,
    /// Time by which a round's samples are later than those of the one before
    #[arg(long, default_value = "10s", value_parser = duration)]
    step: Duration,
    /// Rounds a second; 0 sends as fast as the server takes them
    #[arg(long, default_value_t = 0.0)]
    rounds: f64,
    /// How long to send
    #[arg(long, default_value = "30s", value_parser = duration)]
    duration: Duration,
    /// Connections, each with hosts of its own
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// HTTP address of the server: a Weir, or a VictoriaMetrics or Prometheus beside it
    #[arg(long, default_value = "http://127.0.0.1:8641")]
    server: String,
    /// How long the server may take to store what it has acknowledged
    #[arg(long, default_value = "120s", value_parser = duration)]
    patience: Duration,
}

/// The first round is this much older than now: rounds come faster than their times.
const BEFORE_NOW: Duration = Duration::from_secs(100 * 60);

pub(crate) fn main(args: &RemoteWriteArgs) -> Result<()> {
    ensure!(args.series > 0 && args.per_host > 0 && args.per_request > 0, "series and sizes must be at least 1");
    ensure!(args.connections > 0, "there must be at least 1 connection");
    let (before, tally, started) = (ServerCost::read(&args.server)?, Tally::default(), Instant::now());
    let until = started + args.duration;
    args.course().run(&tally, |_| Instant::now() < until)?;
    let sending = started.elapsed();
    let at_end = ServerCost::read(&args.server)?;
    let acked = tally.acked.load(Relaxed);
    let after = ServerCost::when_stored(&args.server, before.stored_samples + acked as f64, args.patience)?;
    let storing = started.elapsed();
    let Some(after) = after else {
        bail!("{acked} samples were acknowledged, and {:?} after the last not all are stored", args.patience);
    };
    let report: Map<String, Value> = [
        ("series", json!(args.series)),
        ("per_host", json!(args.per_host)),
        ("requests", json!(tally.requests.load(Relaxed))),
        ("acked", json!(acked)),
        ("turned_away", json!(tally.turned_away.load(Relaxed))),
        ("waited_s", json!(tally.waited_ms.load(Relaxed) as f64 / 1e3)),
        ("acked_per_s", json!(acked as f64 / sending.as_secs_f64())),
        ("stored_per_s", json!(acked as f64 / storing.as_secs_f64())),
        ("stored_after_s", json!((storing - sending).as_secs_f64())),
        ("behind_s_at_end", json!(at_end.behind_s)),
        ("cpu_us_per_sample", json!((after.cpu_s - before.cpu_s) * 1e6 / acked as f64)),
        ("sink_cpu_us_per_sample", json!((after.sink_cpu_s - before.sink_cpu_s) * 1e6 / acked as f64)),
        ("store_disk_bytes", json!(after.store_disk_bytes)),
        ("rss_bytes", json!(after.rss_bytes)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    say!("{}", Value::Object(report));
    Ok(())
}

impl RemoteWriteArgs {
    fn course(&self) -> Course<'_> {
        let shape = Shape {
            run: format!("{:x}", now().millis()),
            per_host: self.per_host,
            per_request: self.per_request,
            jitter_ms: self.jitter_ms.into(),
            each_jitters: self.each_jitters,
            one_metric: false,
        };
        Course {
            server: &self.server,
            shape,
            series: self.series,
            connections: self.connections,
            first_ms: now().minus(BEFORE_NOW).millis(),
            step: self.step,
            rounds: self.rounds,
        }
    }
}
