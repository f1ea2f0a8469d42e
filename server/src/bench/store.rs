//! `weir bench store`: what the embedded store costs, on data shaped like a fleet's.
//!
//! Time is moved by the bench, so that hours of samples take minutes. Half of the series are counters, two fifths of
//! which hardly ever count; a quarter are gauges of two decimals, 15 % gauges of bytes in steps of 4 KiB, the rest walk
//! slowly. Every series has seven labels.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use weir_sample::{Kind, Series, Timestamp};
use weir_store::{Error, Hint, MatchOp, Matcher, NAME, Rows, Selection, Store, StoreConfig, Tier};

use crate::identity::duration;
use crate::process;

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
    /// Folder for the store, which must not exist; it is removed at the end
    #[arg(long)]
    folder: PathBuf,
}

/// Series of one host.
const PER_HOST: usize = 100;
/// Where the samples begin: the start of a day.
const START_S: i64 = 1_795_392_000;
/// Series that the reading part asks for, if there are as many.
const SELECTED: usize = 100_000;

pub(crate) fn main(args: &StoreArgs) -> Result<()> {
    let hosts = args.series / PER_HOST;
    ensure!(hosts > 0 && args.hours > 0.0, "--series is at least {PER_HOST}, --hours more than 0");
    ensure!(!args.folder.exists(), "{} exists: give a folder that this bench may make", args.folder.display());
    let outcome = measure(args, hosts);
    std::fs::remove_dir_all(&args.folder).with_context(|| format!("removing {}", args.folder.display()))?;
    println!("{}", outcome?);
    Ok(())
}

fn measure(args: &StoreArgs, hosts: usize) -> Result<serde_json::Value> {
    let config = StoreConfig::default();
    let (store, _) = Store::open(&args.folder, config.clone())?;
    let mut fleet = Fleet::new(&store, hosts);
    let own_bytes = resident_bytes() - fleet.store_bytes;
    let mut costs = Costs::default();
    let interval_s = args.interval.as_secs() as i64;
    let steps = (args.hours * 3_600.0) as i64 / interval_s;
    let churn_every = 3_600.0 / interval_s as f64 / (args.churn / 100.0 * hosts as f64);
    let mut churn_due = churn_every;
    for step in 1..=steps {
        let now = Timestamp::from_secs(START_S + step * interval_s);
        while args.churn > 0.0 && step as f64 >= churn_due {
            costs.replaced += 1;
            fleet.replace(&store, costs.replaced);
            churn_due += churn_every;
        }
        fleet.append(&store, now, args.interval, &mut costs)?;
        if step * interval_s % 60 < interval_s {
            costs.time(|costs| &mut costs.maintain, || store.maintain(now))?;
        }
        if step * interval_s % 600 < interval_s {
            costs.time(|costs| &mut costs.checkpoints, || store.checkpoint(b"bench"))?;
        }
        if step % 60 == 0 {
            eprintln!("{step} of {steps} rows a host, {} MiB", resident_bytes() >> 20);
        }
    }
    let end = Timestamp::from_secs(START_S + steps * interval_s);
    let resident = resident_bytes().saturating_sub(own_bytes);
    let active = store.stats().series;
    let (selected, select_ms) = select(&store, hosts, end)?;
    costs.time(|costs| &mut costs.last_checkpoint, || store.checkpoint(b"bench"))?;
    let disk = disk_bytes(&args.folder)?;
    let stats = store.stats();
    drop(store);
    let recovery = Instant::now();
    let (store, state) = Store::open(&args.folder, config)?;
    let recovery_s = recovery.elapsed().as_secs_f64();
    ensure!(state == b"bench" && store.stats().series == stats.series, "the store is not what it was");
    let per_point = |tier: Tier| {
        let tier = stats.tiers.iter().find(|stats| stats.tier == tier)?;
        (tier.samples > 0).then(|| tier.bytes as f64 / tier.samples as f64)
    };
    let samples = costs.samples as f64;
    Ok(json!({
        "series": active,
        "hosts": hosts,
        "hours": args.hours,
        "samples": costs.samples,
        "ns_per_sample": costs.all().as_nanos() as f64 / samples,
        "append_ns_per_sample": costs.append.as_nanos() as f64 / samples,
        "maintain_ns_per_sample": costs.maintain.as_nanos() as f64 / samples,
        "checkpoint_ns_per_sample": costs.checkpoints.as_nanos() as f64 / samples,
        "longest_append_ms": costs.longest_append.as_secs_f64() * 1e3,
        "checkpoint_s": costs.last_checkpoint.as_secs_f64(),
        "rss_bytes_per_series": resident as f64 / active as f64,
        "disk_bytes": disk,
        "disk_bytes_per_sample": per_point(Tier::Raw),
        "disk_bytes_per_sample_1m": per_point(Tier::Minute),
        "disk_bytes_per_sample_1h": per_point(Tier::Hour),
        "recovery_s": recovery_s,
        "selected_series": selected,
        "select_ms": select_ms,
    }))
}

/// Where the time went.
#[derive(Default)]
struct Costs {
    samples: u64,
    replaced: usize,
    append: Duration,
    longest_append: Duration,
    maintain: Duration,
    checkpoints: Duration,
    last_checkpoint: Duration,
}

impl Costs {
    fn all(&self) -> Duration {
        self.append + self.maintain + self.checkpoints
    }

    fn time<T>(
        &mut self,
        account: impl Fn(&mut Self) -> &mut Duration,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let outcome = work();
        *account(self) += started.elapsed();
        outcome
    }
}

/// The hosts: their columns in the store, and where their gauges are.
struct Fleet {
    hosts: Vec<Host>,
    random: Random,
    store_bytes: usize,
}

struct Host {
    rows: Rows,
    gauges: [i32; PER_HOST / 2],
}

impl Fleet {
    fn new(store: &Store, hosts: usize) -> Self {
        let mut random = Random(1);
        let before = resident_bytes();
        let rows: Vec<Rows> = (0..hosts).map(|host| store.rows(host as u128 + 1, &columns(host))).collect();
        let store_bytes = resident_bytes() - before;
        let host = |rows| Host { rows, gauges: std::array::from_fn(|_| random.below(10_000) as i32) };
        Self { hosts: rows.into_iter().map(host).collect(), random, store_bytes }
    }

    /// Another host takes the place of one.
    fn replace(&mut self, store: &Store, replaced: usize) {
        let (count, number) = (self.hosts.len(), self.hosts.len() + replaced);
        self.hosts[replaced % count].rows = store.rows(number as u128 + 1, &columns(number));
    }

    /// One row of every host.
    fn append(&mut self, store: &Store, now: Timestamp, interval: Duration, costs: &mut Costs) -> Result<(), Error> {
        let mut row = [0.0; PER_HOST];
        for host in &mut self.hosts {
            host.fill(&mut row, &mut self.random);
            let started = Instant::now();
            store.append(&host.rows, now, interval, &row)?;
            let took = started.elapsed();
            costs.append += took;
            costs.longest_append = costs.longest_append.max(took);
        }
        costs.samples += (self.hosts.len() * PER_HOST) as u64;
        Ok(())
    }
}

impl Host {
    fn fill(&mut self, row: &mut [f64; PER_HOST], random: &mut Random) {
        for (at, value) in row.iter_mut().enumerate() {
            let draw = random.next();
            *value = match at {
                0..20 => f64::from(u8::from(draw & 0xff == 0)),
                20..50 => (draw & 0x3ff) as f64,
                _ => {
                    let walk = &mut self.gauges[at - PER_HOST / 2];
                    let (step, scale) = match at {
                        50..75 => ((draw & 0xff) as i32 - 127, (1.0, 100.0)),
                        75..90 => (if draw & 7 == 0 { (draw >> 8 & 0x1f) as i32 - 15 } else { 0 }, (4_096.0, 1.0)),
                        _ => ((draw & 0x7) as i32 - 3, (1.0, 1_000.0)),
                    };
                    *walk = (*walk + step).abs();
                    f64::from(*walk) * scale.0 / scale.1
                }
            };
        }
    }
}

fn columns(host: usize) -> Vec<(Series, Kind)> {
    let (name, rack) = (format!("host-{host:06}.example.net"), format!("r{}", host / 40));
    let (zone, pool) = (format!("zone-{}", host % 3), format!("pool-{}", host % 50));
    let series = |at: usize| {
        let device = format!("device-{}", at % 4);
        let labels = [
            ("host", name.as_str()),
            ("rack", rack.as_str()),
            ("zone", zone.as_str()),
            ("pool", pool.as_str()),
            ("region", "north"),
            ("os", "linux"),
            ("device", device.as_str()),
        ];
        let kind = if at < PER_HOST / 2 { Kind::Counter } else { Kind::Gauge };
        (Series::new(&format!("bench_metric_{at:02}"), labels), kind)
    };
    (0..PER_HOST).map(series).collect()
}

/// Reads the last hour of many series; the faster of two times.
fn select(store: &Store, hosts: usize, end: Timestamp) -> Result<(usize, f64)> {
    let names: Vec<String> =
        (0..SELECTED.div_ceil(hosts).min(PER_HOST)).map(|at| format!("bench_metric_{at:02}")).collect();
    let matchers = [Matcher::new(NAME, MatchOp::Regex, &names.join("|"))?];
    let start = Timestamp(end.millis() - 3_600_000 + 1);
    let selection = Selection { matchers: &matchers, start, end, step: None, hint: Hint::Raw };
    let (mut fastest, mut found) = (Duration::MAX, 0);
    for _ in 0..2 {
        let started = Instant::now();
        found = 0;
        store.select(&selection, &mut |data| {
            found += usize::from(!data.timestamps.is_empty());
            ControlFlow::Continue(())
        })?;
        fastest = fastest.min(started.elapsed());
    }
    Ok((found, fastest.as_secs_f64() * 1e3))
}

fn resident_bytes() -> usize {
    let readings = process::readings();
    let resident = readings.iter().find(|reading| reading.series.name() == "process_resident_memory_bytes");
    resident.map_or(0, |reading| reading.value as usize)
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

/// A xorshift generator: fast, and the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
