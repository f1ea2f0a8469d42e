//! Batches as agents on ordinary servers make them: OpenTelemetry host metrics in Prometheus spelling, values that move
//! as such values do.

use weir_sample::{Series, Timestamp, Value, Window};
use weir_wire::{Batch, Totals};

/// A made-up fleet. The same seed makes the same fleet.
pub(crate) struct Fleet {
    chance: u64,
}

const CPU_MODES: [&str; 8] = ["user", "system", "idle", "iowait", "nice", "irq", "softirq", "steal"];
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
        self.cpu(1 + host % 3, &mut add);
        self.memory(&mut add);
        for disk in 0..1 + host % 2 {
            self.disk(DISKS[(host + disk) % DISKS.len()], &mut add);
        }
        for nic in [NICS[host % 4], "lo"] {
            self.network(nic, &mut add);
        }
        for (mount, kind) in MOUNTS.iter().take(1 + host % 3) {
            self.filesystem(DISKS[host % DISKS.len()], mount, kind, &mut add);
        }
        self.system(&mut add);
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

    fn cpu(&mut self, cores: usize, add: &mut impl FnMut(&str, &[(&str, &str)], Value)) {
        for mode in CPU_MODES {
            add("system_cpu_time_seconds_total", &[("cpu_mode", mode)], Value::Counter(self.hundredths(900)));
            add("system_cpu_utilization_ratio", &[("cpu_mode", mode)], Value::Gauge(self.share()));
        }
        for core in 0..cores {
            let core = core.to_string();
            for mode in ["user", "system", "idle"] {
                let labels = [("cpu_logical_number", core.as_str()), ("cpu_mode", mode)];
                add("system_cpu_utilization_ratio", &labels, Value::Gauge(self.share()));
            }
        }
    }

    fn memory(&mut self, add: &mut impl FnMut(&str, &[(&str, &str)], Value)) {
        for state in ["used", "free", "cached", "buffers", "available", "shared", "slab_reclaimable"] {
            add("system_memory_usage_bytes", &[("system_memory_state", state)], Value::Gauge(self.pages(4_000_000)));
        }
        add("system_memory_utilization_ratio", &[], Value::Gauge(self.share()));
        for state in ["used", "free"] {
            add("system_paging_usage_bytes", &[("system_paging_state", state)], Value::Gauge(self.pages(500)));
        }
        for kind in ["major", "minor"] {
            add("system_paging_faults_total", &[("system_paging_type", kind)], Value::Counter(self.count(20_000)));
        }
    }

    fn disk(&mut self, device: &str, add: &mut impl FnMut(&str, &[(&str, &str)], Value)) {
        for direction in ["read", "write"] {
            let labels = [("disk_io_direction", direction), ("system_device", device)];
            add("system_disk_io_bytes_total", &labels, Value::Counter(self.pages(2_000)));
            add("system_disk_operations_total", &labels, Value::Counter(self.count(800)));
            add("system_disk_operation_time_seconds_total", &labels, Value::Counter(self.thousandths(900)));
        }
        add("system_disk_io_time_seconds_total", &[("system_device", device)], Value::Counter(self.thousandths(900)));
    }

    fn network(&mut self, nic: &str, add: &mut impl FnMut(&str, &[(&str, &str)], Value)) {
        for direction in ["receive", "transmit"] {
            let labels = [("network_interface_name", nic), ("network_io_direction", direction)];
            add("system_network_io_bytes_total", &labels, Value::Counter(self.count(5_000_000)));
            add("system_network_packets_total", &labels, Value::Counter(self.count(6_000)));
            add("system_network_errors_total", &labels, Value::Counter(0.0));
            add("system_network_dropped_total", &labels, Value::Counter(0.0));
        }
    }

    fn filesystem(
        &mut self,
        device: &str,
        mount: &str,
        kind: &str,
        add: &mut impl FnMut(&str, &[(&str, &str)], Value),
    ) {
        let labels =
            [("system_device", device), ("system_filesystem_mountpoint", mount), ("system_filesystem_type", kind)];
        for state in ["used", "free", "reserved"] {
            let labels = [labels[0], labels[1], labels[2], ("system_filesystem_state", state)];
            add("system_filesystem_usage_bytes", &labels, Value::Gauge(self.pages(20_000_000)));
        }
        add("system_filesystem_utilization_ratio", &labels, Value::Gauge(self.share()));
    }

    fn system(&mut self, add: &mut impl FnMut(&str, &[(&str, &str)], Value)) {
        for load in ["1m", "5m", "15m"] {
            add(&format!("system_cpu_load_average_{load}"), &[], Value::Gauge(self.hundredths(400)));
        }
        for status in ["running", "sleeping", "stopped", "zombie"] {
            add("system_processes_count", &[("process_status", status)], Value::Gauge(self.count(300)));
        }
        add("system_processes_created_total", &[], Value::Counter(self.count(120)));
        add("system_context_switches_total", &[], Value::Counter(self.count(90_000)));
        add("system_uptime_seconds", &[], Value::Gauge(self.hundredths(90_000_000)));
        add("system_file_descriptors_count", &[], Value::Gauge(self.count(4_000)));
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
