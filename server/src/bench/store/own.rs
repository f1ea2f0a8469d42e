//! Weir's store under the load: filled, read, and opened again.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_sample::Timestamp;
use weir_store::{Error, Rows, Store, StoreConfig, Tier};

use super::fleet::{Fleet, PER_HOST, Row, columns};
use super::reading;
use super::spent::Spent;
use super::{Plan, disk_bytes};
use crate::process;

pub(super) fn measure(plan: &Plan, folder: &Path) -> Result<Value> {
    let (store, _) = Store::open(folder, StoreConfig::default())?;
    let mut load = Load::new(plan, &store);
    load.run(plan, &store)?;
    let resident = resident_bytes().saturating_sub(load.own_bytes);
    let active = store.stats().series;
    let (selected, select_ms) = reading::last_hour(&store, plan)?;
    let mut last_checkpoint = Spent::default();
    last_checkpoint.on(|| store.checkpoint(STATE))?;
    let stats = store.stats();
    drop(store);
    let disk = disk_bytes(folder)?;
    let opened = open_again(plan, folder, stats.series)?;
    let per_point = |tier: Tier| {
        let tier = stats.tiers.iter().find(|stats| stats.tier == tier)?;
        (tier.samples > 0).then(|| tier.bytes as f64 / tier.samples as f64)
    };
    let Load { samples, append, maintain, checkpoints, longest_append, .. } = load;
    let all = append + maintain + checkpoints;
    Ok(json!({
        "series": active,
        "hosts": plan.hosts,
        "hours": plan.hours(),
        "samples": samples,
        "ns_per_sample": all.cpu_ns(samples),
        "append_ns_per_sample": append.cpu_ns(samples),
        "maintain_ns_per_sample": maintain.cpu_ns(samples),
        "checkpoint_ns_per_sample": checkpoints.cpu_ns(samples),
        "wall_ns_per_sample": all.wall.as_nanos() as f64 / samples as f64,
        "longest_append_ms": longest_append.as_secs_f64() * 1e3,
        "checkpoint_s": last_checkpoint.wall.as_secs_f64(),
        "rss_bytes_per_series": resident as f64 / active as f64,
        "disk_bytes": disk,
        "disk_bytes_per_sample_all": disk as f64 / samples as f64,
        "disk_bytes_per_sample": per_point(Tier::Raw),
        "disk_bytes_per_sample_1m": per_point(Tier::Minute),
        "disk_bytes_per_sample_1h": per_point(Tier::Hour),
        "recovery_s": opened.open.as_secs_f64(),
        "recovery_accepts_s": opened.first_batch.as_secs_f64(),
        "selected_series": selected,
        "select_ms": select_ms,
    }))
}

/// What the checkpoints keep for the sink.
const STATE: &[u8] = b"bench";

/// Steps of time in seconds between two turns of maintenance, and between two checkpoints.
const MAINTAIN_EVERY_S: i64 = 60;
const CHECKPOINT_EVERY_S: i64 = 600;

/// The fleet in the store's words, and what storing its samples took.
struct Load {
    fleet: Fleet,
    rows: Vec<Rows>,
    /// Memory of the bench itself.
    own_bytes: usize,
    samples: u64,
    append: Spent,
    maintain: Spent,
    checkpoints: Spent,
    longest_append: Duration,
}

impl Load {
    fn new(plan: &Plan, store: &Store) -> Self {
        let fleet = plan.fleet();
        let own_bytes = resident_bytes();
        let rows = fleet.numbers().map(|number| resolve(store, number)).collect();
        let (append, maintain, checkpoints) = Default::default();
        let longest_append = Duration::ZERO;
        Self { fleet, rows, own_bytes, samples: 0, append, maintain, checkpoints, longest_append }
    }

    fn run(&mut self, plan: &Plan, store: &Store) -> Result<(), Error> {
        let interval_s = plan.interval_s();
        for step in 1..=plan.steps {
            let now = plan.time(step);
            for (place, number) in self.fleet.churn() {
                self.rows[place] = resolve(store, number);
            }
            self.append(store, now, plan.interval)?;
            let due = |every_s: i64| step * interval_s % every_s < interval_s;
            if due(MAINTAIN_EVERY_S) {
                self.maintain.on(|| store.maintain(now))?;
            }
            if due(CHECKPOINT_EVERY_S) {
                self.checkpoints.on(|| store.checkpoint(STATE))?;
            }
            if step % 60 == 0 {
                eprintln!("{step} of {} rows a host, {} MiB", plan.steps, resident_bytes() >> 20);
            }
        }
        Ok(())
    }

    /// One row of every host.
    fn append(&mut self, store: &Store, now: Timestamp, interval: Duration) -> Result<(), Error> {
        let Self { fleet, rows, append, longest_append, samples, .. } = self;
        fleet.step(|first, values: &[Row]| {
            *samples += (values.len() * PER_HOST) as u64;
            append.on(|| {
                for (rows, values) in rows[first..].iter().zip(values) {
                    let started = Instant::now();
                    store.append(rows, now, interval, values)?;
                    *longest_append = (*longest_append).max(started.elapsed());
                }
                Ok(())
            })
        })
    }
}

fn resolve(store: &Store, host: usize) -> Rows {
    store.rows(host as u128 + 1, &columns(host))
}

struct Opened {
    open: Duration,
    /// From the start of the opening until a batch is stored.
    first_batch: Duration,
}

/// Opens the store as after a crash: nothing was told to it since the last checkpoint.
fn open_again(plan: &Plan, folder: &Path, series: u64) -> Result<Opened> {
    let started = Instant::now();
    let (store, state) = Store::open(folder, StoreConfig::default())?;
    let open = started.elapsed();
    let rows = resolve(&store, 0);
    store.append(&rows, plan.time(plan.steps + 1), plan.interval, &[1.0; PER_HOST])?;
    let first_batch = started.elapsed();
    ensure!(state == STATE && store.stats().series >= series, "the store is not what it was");
    Ok(Opened { open, first_batch })
}

fn resident_bytes() -> usize {
    process::usage(std::process::id()).map_or(0, |usage| usage.resident_bytes as usize)
}
