//! VictoriaMetrics under the same load: a process of its own on loopback, fed by remote write.
//!
//! It gets each step of the fleet as a server of Prometheus' kind would send it, one sample per series, in requests of
//! 6,400 samples over one connection.

mod process;
mod requests;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use weir_files::tell;

use super::fleet::{PER_HOST, names_of};
use super::plan::{Plan, SELECTED};
use super::spent::{REST, disk_bytes, median_ms};
use process::Victoria;
pub(super) use process::check_installed;
use requests::Requests;

pub(super) fn measure(plan: &Plan, folder: &Path) -> Result<Value> {
    let victoria = Victoria::start(folder)?;
    let started = Instant::now();
    let (requests, samples) = feed(plan, &victoria)?;
    let wall = started.elapsed();
    victoria.get("/internal/force_flush")?;
    std::thread::sleep(REST);
    let usage = victoria.usage()?;
    let series = (plan.hosts * PER_HOST) as f64;
    let (selected, select_ms) = last_hour(plan, &victoria)?;
    let (victoria, recovered) = recover(plan, victoria, folder, requests)?;
    victoria.merge_all()?;
    let disk = disk_bytes(folder)?;
    Ok(json!({
        "program": "victoria-metrics",
        "version": process::version(),
        "samples": samples,
        "ns_per_sample": usage.cpu_s * 1e9 / samples as f64,
        "wall_ns_per_sample": wall.as_nanos() as f64 / samples as f64,
        "rss_bytes_per_series": usage.resident_bytes / series,
        "disk_bytes": disk,
        "disk_bytes_per_sample_all": disk as f64 / samples as f64,
        "recovery_s": recovered.answers.as_secs_f64(),
        "recovery_accepts_s": recovered.accepts.as_secs_f64(),
        "selected_series": selected,
        "select_ms": select_ms,
    }))
}

/// Requests that wait while one is taken.
const WAITING: usize = 8;

/// Makes the requests of all steps on a thread of its own and posts them.
fn feed(plan: &Plan, victoria: &Victoria) -> Result<(Requests, u64)> {
    let (made, waiting) = flume::bounded::<Vec<u8>>(WAITING);
    std::thread::scope(|scope| {
        let maker = scope.spawn(move || {
            let mut requests = Requests::new(plan);
            let mut samples = 0;
            for step in 1..=plan.steps {
                // The receiving end is gone after a refusal, which it reports.
                samples += requests.step(plan.time(step), |body| made.send(body).map_err(drop)).unwrap_or(0);
                if step % 60 == 0 {
                    tell!("{step} of {} rows a host posted", plan.steps);
                }
                if made.is_disconnected() {
                    break;
                }
            }
            (requests, samples)
        });
        let posted = waiting.into_iter().try_for_each(|body| victoria.write(&body));
        let made = maker.join().map_err(|_| anyhow::anyhow!("the maker of requests ended early"))?;
        posted.map(|()| made)
    })
}

/// The instant query reads and decodes every sample of the hour, and answers with one number.
fn last_hour(plan: &Plan, victoria: &Victoria) -> Result<(u64, f64)> {
    let promql = format!("count(count_over_time({{__name__=~\"{}\"}}[1h]))", names_of(SELECTED, plan.hosts));
    let query = || victoria.query(&promql, plan.time(plan.steps))?.context("VictoriaMetrics has none of its series");
    let (found, millis) = median_ms(query)?;
    Ok((found as u64, millis))
}

/// Time from the start of the process after a SIGKILL.
struct Recovered {
    answers: Duration,
    accepts: Duration,
}

/// It keeps the samples of the last 5 s in memory alone, and loses them when it is killed: this bench waits for them.
const WRITTEN_AFTER: Duration = Duration::from_secs(7);

fn recover(plan: &Plan, victoria: Victoria, folder: &Path, mut requests: Requests) -> Result<(Victoria, Recovered)> {
    std::thread::sleep(WRITTEN_AFTER);
    victoria.kill()?;
    let started = Instant::now();
    let victoria = Victoria::start(folder)?;
    let series = (plan.hosts * PER_HOST) as f64;
    let count = "count({__name__=~\"bench_metric_.*\"})";
    while victoria.query(count, plan.time(plan.steps))?.is_none_or(|found| found < series) {
        ensure!(started.elapsed() < Duration::from_secs(60), "after the kill VictoriaMetrics has not all its series");
        std::thread::sleep(Duration::from_millis(10));
    }
    let answers = started.elapsed();
    let mut rest = false;
    requests.step(plan.time(plan.steps + 1), |body| {
        if std::mem::replace(&mut rest, true) { Ok(()) } else { victoria.write(&body) }
    })?;
    Ok((victoria, Recovered { answers, accepts: started.elapsed() }))
}
