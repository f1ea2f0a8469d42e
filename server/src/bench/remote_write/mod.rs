//! `weir bench remote-write`: a sender of remote write over real HTTP, and what its samples cost the server until they are
//! stored, not only acknowledged.

mod load;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Map, Value, json};

use super::cost::ServerCost;
use crate::clock::{duration, now};
use crate::cmd::ask;
use load::{Load, Shape};

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

/// What became of the requests.
#[derive(Default)]
struct Tally {
    requests: AtomicU64,
    acked: AtomicU64,
    turned_away: AtomicU64,
    waited_ms: AtomicU64,
}

pub(crate) fn main(args: &RemoteWriteArgs) -> Result<()> {
    ensure!(args.series > 0 && args.per_host > 0 && args.per_request > 0, "series and sizes must be at least 1");
    ensure!(args.connections > 0, "there must be at least 1 connection");
    let (before, tally, started) = (ServerCost::read(&args.server)?, Tally::default(), Instant::now());
    send(args, &tally)?;
    let sending = started.elapsed();
    let at_end = ServerCost::read(&args.server)?;
    let acked = tally.acked.load(Relaxed);
    let after = stored(args, before.stored_samples + acked as f64)?;
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
    println!("{}", Value::Object(report));
    Ok(())
}

/// Sends until the time is over, from one thread per connection.
fn send(args: &RemoteWriteArgs, tally: &Tally) -> Result<()> {
    let shape = Shape {
        run: format!("{:x}", now().millis()),
        per_host: args.per_host,
        per_request: args.per_request,
        jitter_ms: args.jitter_ms.into(),
        each_jitters: args.each_jitters,
    };
    let (first_ms, until) = (now().minus(BEFORE_NOW).millis(), Instant::now() + args.duration);
    let hosts = args.series.div_ceil(args.per_host);
    thread::scope(|scope| {
        let connection = |number: usize| {
            let of = |at: usize| at * args.per_host..((at + 1) * args.per_host).min(args.series);
            let own = (number..hosts).step_by(args.connections).flat_map(of);
            let mut load = Load::new(&shape, own);
            scope.spawn(move || connect(args, &mut load, first_ms, until, tally))
        };
        let all: Vec<_> = (0..args.connections).map(connection).collect();
        let ended =
            |thread: thread::ScopedJoinHandle<'_, Result<()>>| thread.join().map_err(|_| anyhow!("panicked"))?;
        all.into_iter().try_for_each(ended)
    })
}

fn connect(args: &RemoteWriteArgs, load: &mut Load, first_ms: i64, until: Instant, tally: &Tally) -> Result<()> {
    let (agent, step, started) = (ask::agent(), i64::try_from(args.step.as_millis())?, Instant::now());
    for round in 0.. {
        let time = first_ms + round * step;
        let due =
            if args.rounds > 0.0 { started + Duration::from_secs_f64(round as f64 / args.rounds) } else { started };
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // No sample is from the future.
        let early = u64::try_from(time - now().millis()).unwrap_or_default();
        thread::sleep(Duration::from_millis(early));
        let goes_on = load.round(time, |body, samples| {
            post(&agent, &args.server, body, tally)?;
            tally.acked.fetch_add(samples as u64, Relaxed);
            anyhow::Ok(Instant::now() < until)
        })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// Sends a request until it is taken, as late as it is told to.
fn post(agent: &ureq::Agent, server: &str, body: &[u8], tally: &Tally) -> Result<()> {
    loop {
        let request = agent.post(format!("{server}/api/v1/write"));
        let request = request.header("content-encoding", "snappy").header("content-type", "application/x-protobuf");
        let mut response = request.send(body).context("sending a request: is a server running there?")?;
        tally.requests.fetch_add(1, Relaxed);
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
        // Read to its end, so that the connection can be used again.
        let text = response.body_mut().read_to_string()?;
        match status {
            200..=299 => return Ok(()),
            429 | 503 => {
                let pause = Duration::from_secs(after.unwrap_or(1));
                tally.turned_away.fetch_add(1, Relaxed);
                tally.waited_ms.fetch_add(pause.as_millis() as u64, Relaxed);
                thread::sleep(pause);
            }
            _ => bail!("the server answers {status}: {text}"),
        }
    }
}

/// What the server has spent when so many samples are stored; `None` if that takes too long.
fn stored(args: &RemoteWriteArgs, samples: f64) -> Result<Option<ServerCost>> {
    let deadline = Instant::now() + args.patience;
    loop {
        let cost = ServerCost::read(&args.server)?;
        if cost.stored_samples >= samples {
            return Ok(Some(cost));
        }
        if Instant::now() > deadline {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(200));
    }
}
