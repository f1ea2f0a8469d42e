//! Weir's store under the load: filled, read, and opened again.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_files::tell;
use weir_meters::process;
use weir_store::{Error, Rows, Store, StoreConfig, Tier};

use super::fleet::{Fleet, PER_HOST, Row, columns};
use super::keeper::{Keeper, Kept, STATE};
use super::plan::Plan;
use super::reading;
use super::spent::{REST, Spent, disk_bytes};

pub(super) fn measure(plan: &Plan, folder: &Path) -> Result<Value> {
    let store = Arc::new(Store::open(folder, StoreConfig::default())?.0);
    let mut load = Load::new(plan, &store);
    let kept = load.run(plan, &store)?;
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
    let Load { samples, append, longest_append, .. } = load;
    let Kept { maintain, checkpoints } = kept;
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

/// The fleet in the store's words, and what storing its samples took.
struct Load {
    fleet: Fleet,
    rows: Vec<Rows>,
    /// Memory of the bench itself.
    own_bytes: usize,
    samples: u64,
    append: Spent,
    longest_append: Duration,
}

impl Load {
    fn new(plan: &Plan, store: &Store) -> Self {
        let fleet = plan.fleet();
        let own_bytes = resident_bytes();
        let rows = fleet.numbers().map(|number| resolve(store, number)).collect();
        Self { fleet, rows, own_bytes, samples: 0, append: Spent::default(), longest_append: Duration::ZERO }
    }

    /// The last row comes after a rest: allocators give memory back when they are used, and hours pass in seconds here.
    fn run(&mut self, plan: &Plan, store: &Arc<Store>) -> Result<Kept, Error> {
        let keeper = Keeper::start(store);
        for step in 1..plan.steps {
            self.append(plan, store, step)?;
            keeper.tell(plan.time(step));
            if step % 60 == 0 {
                tell!("{step} of {} rows a host, {} MiB", plan.steps, resident_bytes() >> 20);
            }
        }
        let kept = keeper.finish(plan.time(plan.steps))?;
        std::thread::sleep(REST);
        self.append(plan, store, plan.steps)?;
        Ok(kept)
    }

    /// One row of every host, after some were replaced by others.
    fn append(&mut self, plan: &Plan, store: &Store, step: i64) -> Result<(), Error> {
        let (now, interval) = (plan.time(step), plan.interval);
        let Self { fleet, rows, append, longest_append, samples, .. } = self;
        for (place, number) in fleet.churn() {
            rows[place] = resolve(store, number);
        }
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
