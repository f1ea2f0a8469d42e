//! `weir bench store`: what the embedded store costs, on data shaped like a fleet's, and what another program costs on
//! the same data.
//!
//! Time is moved by the bench, so that hours of samples take minutes.

mod fleet;
mod keeper;
mod own;
mod plan;
mod reading;
mod spent;
mod victoria;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use weir_files::say;

use crate::clock::{duration, now};
use fleet::PER_HOST;
use plan::Plan;

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

pub(crate) fn main(args: &StoreArgs) -> Result<()> {
    ensure!(args.series >= PER_HOST && args.hours > 0.0, "--series is at least {PER_HOST}, --hours more than 0");
    ensure!(!args.folder.exists(), "{} exists: give a folder that this bench may make", args.folder.display());
    if args.beside.is_some() {
        victoria::check_installed()?;
    }
    std::fs::create_dir(&args.folder).with_context(|| format!("making {}", args.folder.display()))?;
    let outcome = measure(args);
    std::fs::remove_dir_all(&args.folder).with_context(|| format!("removing {}", args.folder.display()))?;
    say!("{}", outcome?);
    Ok(())
}

fn measure(args: &StoreArgs) -> Result<serde_json::Value> {
    let plan = Plan::ending(now(), args.series, args.hours, args.interval, args.churn);
    let mut found = own::measure(&plan, &args.folder.join("store"))?;
    if args.year {
        found["year_ms"] = json!(reading::year(plan.start_s, &args.folder.join("year"))?);
    }
    if let Some(Beside::VictoriaMetrics) = args.beside {
        found["peer"] = victoria::measure(&plan, &args.folder.join("victoria-metrics"))?;
    }
    Ok(found)
}
