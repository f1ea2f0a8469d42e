//! This host's metrics: OpenTelemetry's names in Prometheus spelling, read from `/proc`.

use weir_sample::{Series, Value};

use crate::deltas::Deltas;
use crate::origin::Origin;
use crate::proc::{ProcFile, field};

/// Everything that is read of the host.
pub(crate) struct Host {
    origin: Origin,
    deltas: Deltas,
    stat: ProcFile,
    memory: ProcFile,
    load: ProcFile,
    uptime: ProcFile,
    disks: ProcFile,
    network: ProcFile,
    mounts: ProcFile,
    cpus: Vec<[f64; MODES.len()]>,
}

const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
/// Kernel ticks per second; fixed at 100 in what `/proc` shows on every Linux in use.
const TICKS: f64 = 100.0;
const SECTOR_BYTES: f64 = 512.0;

impl Host {
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            deltas: Deltas::default(),
            stat: ProcFile::new("/proc/stat"),
            memory: ProcFile::new("/proc/meminfo"),
            load: ProcFile::new("/proc/loadavg"),
            uptime: ProcFile::new("/proc/uptime"),
            disks: ProcFile::new("/proc/diskstats"),
            network: ProcFile::new("/proc/net/dev"),
            mounts: ProcFile::new("/proc/self/mounts"),
            cpus: Vec::new(),
        }
    }

    /// Counters begin anew if this changes their labels.
    pub(crate) fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    /// One window's points.
    pub(crate) fn collect(&mut self) -> Vec<(Series, Value)> {
        self.deltas.begin();
        let mut points = Points { origin: &self.origin, deltas: &mut self.deltas, all: Vec::with_capacity(192) };
        cpu(self.stat.read(), &mut self.cpus, &mut points);
        memory(self.memory.read(), &mut points);
        load(self.load.read(), &mut points);
        if let Some(uptime) = field(self.uptime.read(), 0) {
            points.gauge("system_uptime_seconds", &[], uptime);
        }
        disks(self.disks.read(), &mut points);
        network(self.network.read(), &mut points);
        filesystems(self.mounts.read(), &mut points);
        points.all
    }
}

struct Points<'a> {
    origin: &'a Origin,
    deltas: &'a mut Deltas,
    all: Vec<(Series, Value)>,
}

impl Points<'_> {
    fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let series = self.series(name, labels);
        self.all.push((series, Value::Gauge(value)));
    }

    fn counter(&mut self, name: &str, labels: &[(&str, &str)], total: f64) {
        let series = self.series(name, labels);
        if let Some(delta) = self.deltas.delta(&series, total) {
            self.all.push((series, delta));
        }
    }

    fn series(&self, name: &str, labels: &[(&str, &str)]) -> Series {
        self.origin.series(name, labels.iter().copied())
    }
}

fn cpu(text: &str, before: &mut Vec<[f64; MODES.len()]>, points: &mut Points<'_>) {
    let (mut at, mut running, mut blocked) = (0, 0.0, 0.0);
    for line in text.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        match name {
            "ctxt" => points.counter("system_context_switches_total", &[], field(line, 1).unwrap_or(0.0)),
            "processes" => points.counter("system_processes_created_total", &[], field(line, 1).unwrap_or(0.0)),
            "procs_running" => running = field(line, 1).unwrap_or(0.0),
            "procs_blocked" => blocked = field(line, 1).unwrap_or(0.0),
            _ => {}
        }
        let Some(core) = name.strip_prefix("cpu") else { continue };
        let mut now = [0.0; MODES.len()];
        line.split_ascii_whitespace()
            .skip(1)
            .zip(&mut now)
            .for_each(|(text, slot)| *slot = text.parse().unwrap_or(0.0));
        if before.len() <= at {
            before.push(now);
        }
        one_cpu(core, &before[at], &now, points);
        before[at] = now;
        at += 1;
    }
    points.gauge("system_processes_count", &[("process_status", "running")], running);
    points.gauge("system_processes_count", &[("process_status", "blocked")], blocked);
}

fn one_cpu(core: &str, before: &[f64; MODES.len()], now: &[f64; MODES.len()], points: &mut Points<'_>) {
    let passed: f64 = now.iter().zip(before).map(|(now, before)| now - before).sum();
    for (at, mode) in MODES.iter().enumerate() {
        let all = [("cpu_mode", *mode), ("cpu_logical_number", core)];
        // The line without a number is the sum of all; it is told apart by having no number here too.
        let labels = if core.is_empty() { &all[..1] } else { &all[..] };
        points.counter("system_cpu_time_seconds_total", labels, now[at] / TICKS);
        if passed > 0.0 {
            let share = ((now[at] - before[at]) / passed).clamp(0.0, 1.0);
            points.gauge("system_cpu_utilization_ratio", labels, round(share));
        }
    }
}

fn memory(text: &str, points: &mut Points<'_>) {
    let bytes = |name: &str| {
        let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')));
        line.and_then(|line| field(line, 1)).unwrap_or(0.0) * 1_024.0
    };
    let (total, free, cached, buffers) = (bytes("MemTotal"), bytes("MemFree"), bytes("Cached"), bytes("Buffers"));
    let slab = bytes("SReclaimable");
    let used = (total - free - cached - buffers - slab).max(0.0);
    let states = [("used", used), ("free", free), ("cached", cached), ("buffers", buffers), ("slab_reclaimable", slab)];
    for (state, value) in states {
        points.gauge("system_memory_usage_bytes", &[("system_memory_state", state)], value);
    }
    points.gauge("system_memory_limit_bytes", &[], total);
    points.gauge("system_linux_memory_available_bytes", &[], bytes("MemAvailable"));
    if total > 0.0 {
        points.gauge("system_memory_utilization_ratio", &[], round(used / total));
    }
    let (swap, swap_free) = (bytes("SwapTotal"), bytes("SwapFree"));
    for (state, value) in [("used", swap - swap_free), ("free", swap_free)] {
        points.gauge("system_paging_usage_bytes", &[("system_paging_state", state)], value);
    }
}

fn load(text: &str, points: &mut Points<'_>) {
    for (at, name) in ["1m", "5m", "15m"].into_iter().enumerate() {
        if let Some(load) = field(text, at) {
            points.gauge(&format!("system_cpu_load_average_{name}"), &[], load);
        }
    }
    let threads = text.split_ascii_whitespace().nth(3).and_then(|text| text.split_once('/')?.1.parse().ok());
    if let Some(threads) = threads {
        points.gauge("system_threads_count", &[], threads);
    }
}

fn disks(text: &str, points: &mut Points<'_>) {
    for line in text.lines() {
        let device = line.split_ascii_whitespace().nth(2).unwrap_or_default();
        if device.is_empty() || ["loop", "ram", "zram"].iter().any(|kind| device.starts_with(kind)) {
            continue;
        }
        // Fields as in the kernel's Documentation/admin-guide/iostats.rst, after major, minor and name.
        let value = |at: usize| field(line, 2 + at).unwrap_or(0.0);
        for (direction, operations, sectors, millis) in [("read", 1, 3, 4), ("write", 5, 7, 8)] {
            let labels = [("system_device", device), ("disk_io_direction", direction)];
            points.counter("system_disk_io_bytes_total", &labels, value(sectors) * SECTOR_BYTES);
            points.counter("system_disk_operations_total", &labels, value(operations));
            points.counter("system_disk_operation_time_seconds_total", &labels, value(millis) / 1e3);
        }
        points.counter("system_disk_io_time_seconds_total", &[("system_device", device)], value(10) / 1e3);
    }
}

fn network(text: &str, points: &mut Points<'_>) {
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let value = |at: usize| field(rest, at).unwrap_or(0.0);
        for (direction, from) in [("receive", 0), ("transmit", 8)] {
            let labels = [("network_interface_name", name.trim()), ("network_io_direction", direction)];
            points.counter("system_network_io_bytes_total", &labels, value(from));
            points.counter("system_network_packets_total", &labels, value(from + 1));
            points.counter("system_network_errors_total", &labels, value(from + 2));
            points.counter("system_network_dropped_total", &labels, value(from + 3));
        }
    }
}

fn filesystems(text: &str, points: &mut Points<'_>) {
    let mut seen = Vec::new();
    for line in text.lines() {
        let mut parts = line.split(' ');
        let (Some(device), Some(mount), Some(kind)) = (parts.next(), parts.next(), parts.next()) else { continue };
        // Only what stands on a device; the same device mounted twice is one filesystem.
        if !device.starts_with("/dev/") || seen.contains(&device) || device.starts_with("/dev/loop") {
            continue;
        }
        seen.push(device);
        let Ok(stat) = rustix::fs::statvfs(mount.replace("\\040", " ").as_str()) else { continue };
        let block = stat.f_frsize as f64;
        let (total, free, available) = (stat.f_blocks as f64, stat.f_bfree as f64, stat.f_bavail as f64);
        let labels = |state| {
            let device = device.trim_start_matches("/dev/");
            [
                ("system_device", device),
                ("system_filesystem_mountpoint", mount),
                ("system_filesystem_type", kind),
                ("system_filesystem_state", state),
            ]
        };
        for (state, blocks) in [("used", total - free), ("free", available), ("reserved", free - available)] {
            points.gauge("system_filesystem_usage_bytes", &labels(state), blocks * block);
        }
        if total > 0.0 {
            let ratio = (total - free) / (total - free + available).max(1.0);
            points.gauge("system_filesystem_utilization_ratio", &labels("")[..3], round(ratio));
        }
    }
}

/// Four places: finer than any chart, and two bytes on the wire.
fn round(ratio: f64) -> f64 {
    (ratio * 1e4).round() / 1e4
}
