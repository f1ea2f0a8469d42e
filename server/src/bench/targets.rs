//! `weir bench targets`: many targets on one port, told apart by their path, for whoever scrapes. Their counters go on with the
//! clock, so that no two answers are the same.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use weir_files::say;

use crate::clock::duration;

#[derive(clap::Args)]
pub(crate) struct TargetsArgs {
    /// Where the targets are
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// Targets: /0/metrics, /1/metrics and so on
    #[arg(long, default_value_t = 2_000)]
    targets: usize,
    /// Samples of each
    #[arg(long, default_value_t = 500)]
    samples: usize,
    /// How long they are there
    #[arg(long, default_value = "60s", value_parser = duration)]
    duration: Duration,
    /// Where to write them as a file of file_sd_configs
    #[arg(long, value_name = "FILE")]
    file_sd: Option<PathBuf>,
}

/// What answers are made of, and how many there were.
struct Load {
    targets: usize,
    samples: usize,
    began: Instant,
    answers: AtomicU64,
    bytes: AtomicU64,
}

/// Series of one metric.
const SERIES: usize = 10;

pub(crate) fn main(args: &TargetsArgs) -> Result<()> {
    ensure!(args.targets > 0 && args.samples > 0, "targets and samples must be at least 1");
    let _ = weir_meters::process::raise_open_files();
    if let Some(path) = &args.file_sd {
        let text = groups(args.listen, args.targets).to_string();
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    let (targets, samples) = (args.targets, args.samples);
    let (answers, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
    let load = Arc::new(Load { targets, samples, began: Instant::now(), answers, bytes });
    let routes = Router::new().route("/{target}/metrics", get(answer)).with_state(load.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await.with_context(|| format!("listening on {}", args.listen))?;
        let serving = async { axum::serve(listener, routes).await };
        match tokio::time::timeout(args.duration, serving).await {
            Ok(ended) => ended.context("serving targets"),
            Err(_) => Ok(()),
        }
    })?;
    let (answers, bytes) = (load.answers.load(Relaxed), load.bytes.load(Relaxed));
    let seconds = load.began.elapsed().as_secs_f64();
    say!(
        "{}",
        json!({
            "targets": targets, "samples_each": samples, "seconds": seconds, "answers": answers, "bytes": bytes,
            "samples": answers * samples as u64, "samples_per_second": (answers * samples as u64) as f64 / seconds,
        })
    );
    Ok(())
}

async fn answer(State(load): State<Arc<Load>>, Path(target): Path<usize>) -> Response {
    if target >= load.targets {
        return StatusCode::NOT_FOUND.into_response();
    }
    let text = page(target, load.samples, load.began.elapsed());
    load.answers.fetch_add(1, Relaxed);
    load.bytes.fetch_add(text.len() as u64, Relaxed);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// What a target says after so long: counters that grow at rates of their own, gauges that go up and down.
fn page(target: usize, samples: usize, since: Duration) -> String {
    let (mut text, seconds) = (String::with_capacity(samples * 90), since.as_secs_f64());
    for at in 0..samples {
        let (metric, series) = (at / SERIES, at % SERIES);
        let is_counter = metric % 3 != 0;
        let (suffix, kind) = if is_counter { ("_total", "counter") } else { ("", "gauge") };
        if series == 0 {
            let _ = writeln!(
                text,
                "# HELP bench_metric_{metric}{suffix} One of many.\n# TYPE bench_metric_{metric}{suffix} {kind}"
            );
        }
        let own = (target * 31 + at * 7) as f64;
        let value = match is_counter {
            true => ((own + 1.0) * seconds).floor(),
            false => ((own + seconds) / 10.0).sin() * 1_000.0,
        };
        let _ = writeln!(text, "bench_metric_{metric}{suffix}{{device=\"d{series}\",mode=\"m{}\"}} {value}", at % 4);
    }
    text
}

/// A group for each target, since each has a path of its own.
fn groups(listen: SocketAddr, targets: usize) -> Value {
    let group = |at: usize| {
        let labels = json!({ "__metrics_path__": format!("/{at}/metrics"), "target": at.to_string() });
        json!({ "targets": [listen.to_string()], "labels": labels })
    };
    (0..targets).map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_as_many_samples_as_were_asked_for_and_its_counters_grow() {
        let read = |seconds: u64| {
            let page = page(3, 25, Duration::from_secs(seconds));
            let samples = page.lines().filter(|line| !line.starts_with('#'));
            samples
                .map(|line| {
                    line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse::<f64>().unwrap())).unwrap()
                })
                .collect::<Vec<_>>()
        };
        let (before, after) = (read(10), read(20));
        assert_eq!((before.len(), after.len()), (25, 25));
        let counters = before.iter().zip(&after).filter(|((name, _), _)| name.contains("_total"));
        assert!(counters.clone().count() == 15 && counters.clone().all(|(a, b)| a.0 == b.0 && b.1 > a.1));
    }

    #[test]
    fn each_target_is_a_group_of_its_own() {
        let groups = groups("127.0.0.1:7".parse().unwrap(), 2);
        assert_eq!(groups[1]["labels"]["__metrics_path__"], "/1/metrics");
        assert_eq!((groups.as_array().unwrap().len(), &groups[0]["targets"][0]), (2, &json!("127.0.0.1:7")));
    }
}
