//! `weir bench store`: what the embedded store costs, on data shaped like a fleet's, and what another program costs on
//! the same data.
//!
//! Time is moved by the bench, so that hours of samples take minutes.

mod fleet;
mod keeper;
mod own;
mod reading;
mod spent;
mod victoria;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use weir_sample::Timestamp;

use crate::clock::{duration, now};
use fleet::{Fleet, PER_HOST};

#[derive(clap::Args)]
pub(crate) struct StoreArgs {
    /// Series at a time, in hundreds
    #[arg(long, default_value_t = 1_000_000)]
    series: usize,
    /// Hours of samples
    #[arg(long, default_value_t = 4.0)]
    hours: f64,
    /// Time between two samples of a series
    #[arg(long, default_value = "10s", value_parser = duration)]
    interval: Duration,
    /// Percentage of the hosts that is replaced by others every hour
    #[arg(long, default_value_t = 0.0)]
    churn: f64,
    /// Also store a year of 1,000 series in a folder of its own, and read its points of an hour
    #[arg(long)]
    year: bool,
    /// Also give the same samples to this program, by remote write, and measure it alike
    #[arg(long)]
    beside: Option<Beside>,
    /// Folder for the data, which must not exist; it is removed at the end
    #[arg(long)]
    folder: PathBuf,
}

/// A program to compare with.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Beside {
    /// Debian's package `victoria-metrics`
    VictoriaMetrics,
}

/// What is stored: rows of hosts, a step of time apart.
struct Plan {
    hosts: usize,
    steps: i64,
    interval: Duration,
    start_s: i64,
    replaced_per_step: f64,
}

/// Series that the reading part asks for, if there are as many.
const SELECTED: usize = 100_000;

const DAY_S: i64 = 86_400;

/// How long a program rests after the load until its memory is read.
const REST: Duration = Duration::from_secs(2);

pub(crate) fn main(args: &StoreArgs) -> Result<()> {
    ensure!(args.series >= PER_HOST && args.hours > 0.0, "--series is at least {PER_HOST}, --hours more than 0");
    ensure!(!args.folder.exists(), "{} exists: give a folder that this bench may make", args.folder.display());
    if args.beside.is_some() {
        victoria::check_installed()?;
    }
    std::fs::create_dir(&args.folder).with_context(|| format!("making {}", args.folder.display()))?;
    let outcome = measure(args);
    std::fs::remove_dir_all(&args.folder).with_context(|| format!("removing {}", args.folder.display()))?;
    println!("{}", outcome?);
    Ok(())
}

fn measure(args: &StoreArgs) -> Result<serde_json::Value> {
    let plan = Plan::of(args);
    let mut found = own::measure(&plan, &args.folder.join("store"))?;
    if args.year {
        found["year_ms"] = json!(reading::year(plan.start_s, &args.folder.join("year"))?);
    }
    if let Some(Beside::VictoriaMetrics) = args.beside {
        found["peer"] = victoria::measure(&plan, &args.folder.join("victoria-metrics"))?;
    }
    Ok(found)
}

impl Plan {
    /// Samples begin with a day, and end before now: others do not take samples of the future.
    fn of(args: &StoreArgs) -> Self {
        let (hosts, interval_s) = (args.series / PER_HOST, args.interval.as_secs_f64());
        let length_s = (args.hours * 3_600.0) as i64;
        let start_s = now().millis() / 1_000 - length_s;
        Self {
            hosts,
            steps: length_s / args.interval.as_secs() as i64,
            interval: args.interval,
            start_s: start_s - start_s.rem_euclid(DAY_S),
            replaced_per_step: args.churn / 100.0 * hosts as f64 * interval_s / 3_600.0,
        }
    }

    fn fleet(&self) -> Fleet {
        Fleet::new(self.hosts, self.replaced_per_step)
    }

    /// The timestamp of a step; the first is 1.
    fn time(&self, step: i64) -> Timestamp {
        Timestamp::from_secs(self.start_s + step * self.interval_s())
    }

    fn interval_s(&self) -> i64 {
        self.interval.as_secs() as i64
    }

    fn hours(&self) -> f64 {
        (self.steps * self.interval_s()) as f64 / 3_600.0
    }
}

fn disk_bytes(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { disk_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
