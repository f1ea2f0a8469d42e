//! `weir collect targets`: what a running collector asks, and how that goes.

use anyhow::{Context, Result};
use serde_json::Value;
use weir_files::say;

use crate::cmd::ask::Server;

#[derive(clap::Args)]
pub(crate) struct TargetsArgs {
    /// Address of a collector's --listen
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// Only targets of this job
    #[arg(long, value_name = "NAME")]
    job: Option<String>,
    /// Only targets that are down
    #[arg(long)]
    down: bool,
    /// Also addresses that relabelling drops
    #[arg(long)]
    dropped: bool,
    /// Print the answer of /api/v1/targets as it is
    #[arg(long)]
    json: bool,
}

pub(crate) fn main(args: &TargetsArgs) -> Result<()> {
    let address = if args.address.contains("://") { args.address.clone() } else { format!("http://{}", args.address) };
    let pool = args.job.as_deref().map(|job| ("scrapePool", job));
    let state = ("state", if args.dropped { "any" } else { "active" });
    let parameters: Vec<_> = pool.into_iter().chain([state]).collect();
    let mut answer = Server::new(&address, None).json("/api/v1/targets", &parameters)?;
    let active = answer["data"]["activeTargets"].as_array_mut().context("this is no list of targets")?;
    active.retain(|target| !args.down || target["health"] == "down");
    if args.json {
        say!("{answer}");
    } else {
        table(&answer["data"]).iter().for_each(|line| say!("{line}"));
    }
    Ok(())
}

fn table(data: &Value) -> Vec<String> {
    let text = |target: &Value, name: &str| target[name].as_str().unwrap_or_default().to_owned();
    let mut rows = vec![["JOB", "TARGET", "HEALTH", "LAST", "TOOK", "BY", "WHY"].map(str::to_owned)];
    for target in data["activeTargets"].as_array().into_iter().flatten() {
        let by: Vec<_> = target["scrapedBy"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let last = text(target, "lastScrape");
        let (last, took) = match last.starts_with("0001") {
            true => ("-".into(), "-".into()),
            false => {
                let clock = last.get(11..19).unwrap_or_default().to_owned();
                (clock, format!("{:.0} ms", target["lastScrapeDuration"].as_f64().unwrap_or_default() * 1e3))
            }
        };
        let [job, url, health, why] = ["scrapePool", "scrapeUrl", "health", "lastError"].map(|name| text(target, name));
        rows.push([job, url, health, last, took, by.join(" "), why]);
    }
    for target in data["droppedTargets"].as_array().into_iter().flatten() {
        let address = text(&target["discoveredLabels"], "__address__");
        let [job, why] = ["scrapePool", "reason"].map(|name| text(target, name));
        rows.push([job, address, "dropped".into(), "-".into(), "-".into(), String::new(), why]);
    }
    let widths: Vec<usize> =
        (0..7).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_what_one_looks_for_first() {
        let target = |health: &str, last: &str, why: &str| {
            serde_json::json!({
                "scrapePool": "db", "scrapeUrl": "http://a:1/metrics", "health": health, "lastScrape": last,
                "lastScrapeDuration": 0.0124, "scrapedBy": ["x:1", "y:1"], "lastError": why,
            })
        };
        let dropped =
            serde_json::json!({ "scrapePool": "db", "discoveredLabels": { "__address__": "b:1" }, "reason": "r" });
        let data = serde_json::json!({
            "activeTargets": [
                target("down", "2026-11-25T18:00:07.000Z", "answers 503"), target("elsewhere", "0001-01-01T00:00:00Z", ""),
            ],
            "droppedTargets": [dropped],
        });
        let expected = [
            "JOB  TARGET              HEALTH     LAST      TOOK   BY       WHY",
            "db   http://a:1/metrics  down       18:00:07  12 ms  x:1 y:1  answers 503",
            "db   http://a:1/metrics  elsewhere  -         -      x:1 y:1",
            "db   b:1                 dropped    -         -               r",
        ];
        assert_eq!(table(&data), expected);
    }
}
