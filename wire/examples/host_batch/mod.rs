//! Batches as agents on ordinary servers make them: OpenTelemetry host metrics in Prometheus spelling, values that move
//! as such values do.

use weir_sample::{Series, Timestamp, Value, Window};
use weir_wire::{Batch, Totals};

/// A made-up fleet. The same seed makes the same fleet.
pub(crate) struct Fleet {
    chance: u64,
}

/// What the agent reads of an ordinary host: kind, name and labels of each series. A dictionary is only as good as this is
/// true: take it anew from a running agent when the agent has learned to read more.
const SERIES: &str = include_str!("series.txt");
const DISKS: [&str; 6] = ["vda", "sda", "nvme0n1", "dm-0", "xvda", "sdb"];
const NICS: [&str; 5] = ["eth0", "ens5", "enp3s0", "bond0", "lo"];
const POOLS: [&str; 6] = ["web", "api", "db", "cache", "batch", "edge"];
const REGIONS: [&str; 5] = ["eu-west-1", "eu-north-1", "us-east-1", "us-west-2", "ap-south-1"];
const ROUTES: [&str; 8] = ["/", "/api/orders", "/api/users", "/api/cart", "/login", "/search", "/static", "/checkout"];
const MOUNTS: [(&str, &str); 5] =
    [("/", "ext4"), ("/boot/efi", "vfat"), ("/var", "xfs"), ("/home", "ext4"), ("/data", "xfs")];

impl Fleet {
    /// A fleet.
    pub(crate) fn new(seed: u64) -> Self {
        Self { chance: seed | 1 }
    }

    /// Host number `host`'s batch of window number `window`.
    pub(crate) fn batch(&mut self, host: usize, window: usize) -> Batch {
        let name = format!("{}-{:03}.prod.example.net", ["web", "db", "cache", "worker"][host % 4], host);
        let mut points = Vec::new();
        let mut add = |metric: &str, labels: &[(&str, &str)], value: Value| {
            let series = Series::new(metric, labels.iter().copied().chain([("host", name.as_str())]));
            points.push((series, value));
        };
        self.host(host, &mut add);
        if host.is_multiple_of(2) {
            self.requests(host, &mut add);
        }
        let end = Timestamp::from_secs(1_760_000_000 + 10 * window as i64);
        let sealed = window as u64 + 1;
        let samples = sealed * points.len() as u64;
        let totals = Totals {
            sealed_batches: sealed,
            sealed_samples: samples,
            acked_batches: sealed - 1,
            acked_samples: samples - points.len() as u64,
            spooled_batches: 1,
            ..Totals::default()
        };
        Batch { window: Window::ending(end, 10_000), totals, points }
    }

    /// The agent's own series of an ordinary host, with that host's devices, cores and mount points.
    fn host(&mut self, host: usize, add: &mut impl FnMut(&str, &[(&str, &str)], Value)) {
        for line in SERIES.lines() {
            let mut words = line.split(' ');
            let (Some(kind), Some(metric)) = (words.next(), words.next()) else { continue };
            let labels: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
            for own in variants(host, &labels) {
                let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let value = self.value(metric);
                add(metric, &own, if kind == "counter" { Value::Counter(value) } else { Value::Gauge(value) });
            }
        }
    }

    /// A value as such a metric has it; a good part of all counters stand still.
    fn value(&mut self, metric: &str) -> f64 {
        let rare =
            ["errors", "dropped", "oom", "failed", "overflows", "resets", "syn", "read_only", "orphan", "merged"];
        if rare.iter().any(|word| metric.contains(word)) {
            return if self.next().is_multiple_of(16) { self.count(20) } else { 0.0 };
        }
        match metric {
            _ if metric.ends_with("_ratio") => self.share(),
            _ if metric.contains("io_bytes_total") => self.count(5_000_000),
            _ if metric.contains("_bytes") => self.pages(4_000_000),
            "system_boot_time_seconds" => 1_700_000_000.0 + self.count(60_000_000),
            "system_uptime_seconds" => self.hundredths(90_000_000),
            "system_pressure_stalled_seconds_total" => self.count(900_000) / 1e6,
            _ if metric.contains("time_seconds") => self.thousandths(900),
            _ if metric.contains("seconds") => self.hundredths(900),
            _ if metric.contains("load_average") => self.hundredths(400),
            _ if metric.ends_with("_total") => self.count(20_000),
            _ => self.count(400),
        }
    }

    /// What a service on the host counts by StatsD.
    fn requests(&mut self, host: usize, add: &mut impl FnMut(&str, &[(&str, &str)], Value)) {
        let metric = ["http_requests_total", "weir_bench_requests_total", "http_server_requests_total"][host / 2 % 3];
        let common = [("pool", POOLS[host % POOLS.len()]), ("region", REGIONS[host % REGIONS.len()])];
        let run = format!("{:016x}", self.next());
        for (at, route) in ROUTES.iter().enumerate().take(2 + host % 7) {
            for method in ["GET", "POST"] {
                for status in ["200", "204", "304", "404", "500"] {
                    let labels = [("method", method), ("route", route), ("status", status), ("run", run.as_str())];
                    let labels = &labels[..if host.is_multiple_of(4) { 4 } else { 3 }];
                    let labels: Vec<_> = labels.iter().chain(&common).copied().collect();
                    add(metric, &labels, Value::Counter(self.count(600 >> at)));
                }
            }
        }
        for queue in ["mail", "orders", "images"].iter().take(host % 4) {
            add("queue_depth", &[("queue", queue)], Value::Gauge(self.count(200)));
        }
        for state in ["established", "listen", "time_wait", "close_wait"] {
            let labels = [("network_connection_state", state), ("network_transport", "tcp")];
            add("system_network_connections_count", &labels, Value::Gauge(self.count(300)));
        }
    }

    fn next(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }

    /// Small counts are likelier than large ones, and a good part of all counters stand still.
    fn count(&mut self, most: u64) -> f64 {
        let share = (self.next() % 1_000) as f64 / 1_000.0;
        if share < 0.2 { 0.0 } else { (share * share * share * most as f64).floor() }
    }

    fn pages(&mut self, most: u64) -> f64 {
        self.count(most) * 4_096.0
    }

    fn share(&mut self) -> f64 {
        self.count(9_999) / 10_000.0
    }

    fn hundredths(&mut self, most: u64) -> f64 {
        self.count(most) / 100.0
    }

    fn thousandths(&mut self, most: u64) -> f64 {
        self.count(most) / 1_000.0
    }
}

/// The labels of a line as one host has them: once, or for each of its cores and mount points; a host of one core says
/// nothing of cores.
fn variants<'a>(host: usize, labels: &[(&'a str, &str)]) -> Vec<Vec<(&'a str, String)>> {
    let with = |place: &str, as_is: &str, now: &str| -> Vec<(&'a str, String)> {
        let swap = |name: &str, value: &str| match value {
            _ if name == place && value == as_is => now.to_owned(),
            "vda" => DISKS[host % DISKS.len()].to_owned(),
            "eth0" => NICS[host % 4].to_owned(),
            _ => value.to_owned(),
        };
        labels.iter().map(|(name, value)| (*name, swap(name, value))).collect()
    };
    let find = |label: &str| labels.iter().find(|(name, _)| *name == label).map(|(_, value)| *value);
    match (find("cpu_logical_number"), find("system_filesystem_mountpoint")) {
        (Some("0"), _) if host.is_multiple_of(3) => Vec::new(),
        (Some("0"), _) => (0..2 * (host % 3)).map(|core| with("cpu_logical_number", "0", &core.to_string())).collect(),
        (Some(_), _) => Vec::new(),
        (_, Some("/")) => {
            let mounts = MOUNTS.iter().take(1 + host % 3);
            mounts.map(|(mount, _)| with("system_filesystem_mountpoint", "/", mount)).collect()
        }
        _ => vec![with("", "", "")],
    }
}
