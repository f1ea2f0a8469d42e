//! `weir bench readers`: how long a question takes over HTTP while the server is idle, and while it is written to as fast as
//! it takes samples.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Map, Value, json};
use weir_files::say;
use weir_sample::Timestamp;

use super::cost::ServerCost;
use super::remote_write::course::{Course, Shape, Tally};
use crate::clock::{duration, now};
use crate::cmd::ask::Server;

#[derive(clap::Args)]
pub(crate) struct ReadersArgs {
    /// Series that are asked for, one sample of each every ten seconds
    #[arg(long, default_value_t = 50_000)]
    series: usize,
    /// Series of each host
    #[arg(long, default_value_t = 100)]
    per_host: usize,
    /// Time for which samples are written before anything is asked. The store's windows are of two hours, and are flushed half
    /// an hour after they end: three hours have a block at any time of the day
    #[arg(long, default_value = "3h", value_parser = duration)]
    history: Duration,
    /// Times that each question is asked
    #[arg(long, default_value_t = 15)]
    times: usize,
    /// Connections that write while it is asked again
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// HTTP address of the server: a Weir, or a VictoriaMetrics or Prometheus beside it
    #[arg(long, default_value = "http://127.0.0.1:8641")]
    server: String,
}

const STEP: Duration = Duration::from_secs(10);
/// Length of the range that is asked for.
const RANGE: Duration = Duration::from_secs(3_600);
/// Length of the store's windows, and how far into one the second question ends: half of its range is of the window before.
const WINDOW_MS: i64 = 7_200_000;
const INTO_WINDOW: Duration = Duration::from_secs(1_800);
/// How long the server may take to store the history, and to flush what is due.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long writers are at it before the first question.
const LEAD: Duration = Duration::from_secs(5);

pub(crate) fn main(args: &ReadersArgs) -> Result<()> {
    ensure!(args.series > 0 && args.per_host > 0 && args.times > 0, "series, sizes and times must be at least 1");
    let (run, end) = (format!("{:x}", now().millis()), now());
    let before = ServerCost::read(&args.server)?;
    let written = history(args, &run, end)?;
    let stored = ServerCost::when_stored(&args.server, before.stored_samples + written as f64, PATIENCE)?;
    stored.context("the history was acknowledged, and is not stored")?;
    // The server looks every few seconds what there is to flush.
    thread::sleep(Duration::from_secs(30));
    let window = end.millis().div_euclid(WINDOW_MS) * WINDOW_MS;
    let into_window = Timestamp(window).plus(INTO_WINDOW);
    let across = if into_window > end { Timestamp(into_window.millis() - WINDOW_MS) } else { into_window };
    let questions = [("last_hour", end), ("across_a_flush", across)];
    let mut report = Map::new();
    report.insert("series".into(), json!(args.series));
    report.insert("history_samples".into(), json!(written));
    for (name, end) in questions {
        report.insert(name.into(), json!({ "idle": asked(args, &run, end)? }));
    }
    let tally = Tally::default();
    beside_writers(args, &tally, || {
        for (name, end) in questions {
            report[name]["written_to"] = asked(args, &run, end)?;
            let median = |state: &str| report[name][state]["median_ms"].as_f64().unwrap_or(f64::NAN);
            report[name]["ratio"] = json!(median("written_to") / median("idle"));
        }
        Ok(())
    })?;
    report.insert("written_meanwhile".into(), json!(tally.acked.load(Relaxed)));
    report.insert("turned_away".into(), json!(tally.turned_away.load(Relaxed)));
    say!("{}", Value::Object(report));
    Ok(())
}

fn course<'a>(args: &'a ReadersArgs, run: &str, first: Timestamp) -> Course<'a> {
    let shape = Shape {
        run: run.to_owned(),
        per_host: args.per_host,
        per_request: 2_000,
        jitter_ms: 0,
        each_jitters: false,
        one_metric: true,
    };
    let (server, series, connections) = (args.server.as_str(), args.series, args.connections);
    Course { server, shape, series, connections, first_ms: first.millis(), step: STEP, rounds: 0.0 }
}

/// Writes samples up to an instant; how many.
fn history(args: &ReadersArgs, run: &str, end: Timestamp) -> Result<u64> {
    let tally = Tally::default();
    course(args, run, end.minus(args.history)).run(&tally, |time| time <= end.millis())?;
    Ok(tally.acked.load(Relaxed))
}

/// Does something while other series of the same layout are written.
fn beside_writers(args: &ReadersArgs, tally: &Tally, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let (done, run) = (AtomicBool::new(false), format!("{:x}", now().millis()));
    let course = course(args, &run, now().minus(args.history));
    thread::scope(|scope| {
        let writers = scope.spawn(|| course.run(tally, |_| !done.load(Relaxed)));
        thread::sleep(LEAD);
        let outcome = work();
        done.store(true, Relaxed);
        let written = writers.join().map_err(|_| anyhow!("the writers panicked"))?;
        outcome.and(written)
    })
}

/// Asks for the hour until `end`, some times; what it took.
fn asked(args: &ReadersArgs, run: &str, end: Timestamp) -> Result<Value> {
    let server = Server::new(&args.server, None);
    let query = format!("sum by (pool) (rate(bench_total{{run=\"{run}\"}}[1m]))");
    let [start, end] = [end.minus(RANGE), end].map(|time| (time.millis() / 1_000).to_string());
    let parameters = [("query", query.as_str()), ("start", &start), ("end", &end), ("step", "10"), ("nocache", "1")];
    let mut times = Vec::with_capacity(args.times);
    for _ in 0..args.times {
        let asked = Instant::now();
        let answer = server.json("/api/v1/query_range", &parameters)?;
        times.push(asked.elapsed().as_secs_f64() * 1e3);
        let pools = answer["data"]["result"].as_array().map_or(0, Vec::len);
        let expected = args.series.div_ceil(args.per_host).min(50);
        ensure!(pools == expected, "{pools} pools were answered with, of {expected}");
    }
    times.sort_by(f64::total_cmp);
    Ok(json!({ "median_ms": times[times.len() / 2], "longest_ms": times[times.len() - 1] }))
}
