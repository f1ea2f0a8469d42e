//! One simulated host: its series, the values of each window, and the sender that its batches wait in.

use std::time::{Duration, Instant};

use weir_sample::{Kind, Series, Timestamp, Window};
use weir_wire::{
    AgentId, Encoder, Epoch, FleetKey, OutboxConfig, PAYLOAD_BYTES, PackedLayout, Route, Sender, Session, Totals,
};

use super::ramp::Ramp;

/// What all hosts of a run have in common.
pub(crate) struct Plan {
    pub run: String,
    pub run_number: u64,
    pub interval: Duration,
    pub windows: u32,
    pub ramp: Ramp,
    /// End of the first window.
    pub first_end: Timestamp,
    pub key: FleetKey,
    pub tenant: u32,
    pub expires: u32,
    pub epoch: Epoch,
    pub route: Route,
    /// How each column's values look; the same for all hosts.
    pub shapes: Vec<Shape>,
}

/// How a column's values look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Counter,
    Ratio,
    Bytes,
    Count,
}

/// The shapes of `metrics` columns in order of their keys.
pub(crate) fn shapes(metrics: usize) -> Vec<Shape> {
    columns(metrics, "", 0).iter().map(|(series, _)| Shape::of(series.name())).collect()
}

impl Shape {
    fn of(name: &str) -> Self {
        match name.rsplit('_').next() {
            Some("total") => Self::Counter,
            Some("ratio") => Self::Ratio,
            Some("bytes") => Self::Bytes,
            _ => Self::Count,
        }
    }
}

/// One agent as far as a gateway can tell.
pub(crate) struct Host {
    pub number: u64,
    layouts: Vec<PackedLayout>,
    /// The window that is closed next.
    window: u32,
    pub sender: Sender,
    /// Sent and not yet acked, with the time of the first send.
    first_sent: Vec<(u64, Instant)>,
}

/// What a window added to the run's account.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Closed {
    pub samples: u64,
    pub counted: u64,
    pub payload_bytes: u64,
    pub batches: u64,
}

impl Plan {
    /// Gateways find an agent by id; so does the run, by the number inside it.
    pub(crate) fn agent(&self, number: u64) -> AgentId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.run_number.to_be_bytes());
        id[8..].copy_from_slice(&number.to_be_bytes());
        AgentId(id)
    }

    /// The host's number, from the agent id in a datagram's header.
    pub(crate) fn number(datagram: &[u8]) -> Option<u64> {
        Some(u64::from_be_bytes(datagram.get(22..30)?.try_into().ok()?))
    }

    fn session(&self, agent: AgentId) -> Session {
        self.key.session(self.tenant, agent, self.expires)
    }

    /// The first window from `from` on in which a host is at work, or the number of windows.
    fn next_window(&self, number: u64, from: u32) -> u32 {
        let at_work = |window: &u32| number < self.ramp.agents_at(*window, self.windows);
        (from..self.windows).find(at_work).unwrap_or(self.windows)
    }

    /// When in the interval a host sends, so that a fleet does not send at once.
    pub(crate) fn offset(&self, number: u64) -> Duration {
        self.interval.mul_f64((mix(self.run_number ^ mix(number)) >> 11) as f64 / (1u64 << 53) as f64)
    }
}

impl Host {
    pub(crate) fn new(plan: &Plan, number: u64, encoder: &mut Encoder) -> Self {
        let columns = columns(plan.shapes.len(), &plan.run, number);
        let mut layouts = Vec::new();
        pack(plan, &columns, number, encoder, &mut layouts);
        let (agent, outbox) = (plan.agent(number), OutboxConfig { route: plan.route, ..OutboxConfig::default() });
        let mut sender = Sender::new(agent, plan.epoch, outbox, mix(number));
        sender.grant(plan.session(agent), None);
        Self { number, layouts, window: plan.next_window(number, 0), sender, first_sent: Vec::new() }
    }

    /// Hands the next window's batches to the sender.
    pub(crate) fn close_window(&mut self, plan: &Plan, encoder: &mut Encoder) -> Closed {
        let end = plan.first_end.plus(plan.interval * self.window);
        let window = Window::ending(end, plan.interval.as_millis() as u32);
        let (row, counted) = row(plan, self.number, self.window);
        self.window = plan.next_window(self.number, self.window + 1);
        let mut closed = Closed { samples: row.len() as u64, counted, ..Closed::default() };
        for entry in self.sender.close_row(encoder, window, &self.layouts, &row) {
            closed.payload_bytes += entry.payload.len() as u64;
            closed.batches += 1;
            self.sender.push(entry);
        }
        closed
    }

    pub(crate) fn is_through(&self, plan: &Plan) -> bool {
        self.window == plan.windows && self.sender.outbox().is_empty()
    }

    /// When this host closes its next window, if there is one.
    pub(crate) fn next_close(&self, plan: &Plan, start: Instant) -> Option<Instant> {
        let due = start + plan.offset(self.number) + plan.interval * self.window;
        (self.window < plan.windows).then_some(due)
    }

    pub(crate) fn record_sent(&mut self, seq: u64, now: Instant) {
        if !self.first_sent.iter().any(|(sent, _)| *sent == seq) {
            self.first_sent.push((seq, now));
        }
    }

    /// How long the ack of a batch took, counted from its first send.
    pub(crate) fn record_acked(&mut self, seq: u64, now: Instant) -> Option<Duration> {
        let at = self.first_sent.iter().position(|(sent, _)| *sent == seq)?;
        Some(now.saturating_duration_since(self.first_sent.swap_remove(at).1))
    }
}

/// Packs the columns into as few layouts as datagrams are needed.
fn pack(plan: &Plan, columns: &[(Series, Kind)], number: u64, encoder: &mut Encoder, layouts: &mut Vec<PackedLayout>) {
    let layout = encoder.pack_layout(columns).expect("the columns are sorted counters and gauges");
    let window = Window::ending(plan.first_end, plan.interval.as_millis() as u32);
    let (row, _) = row(plan, number, 0);
    let largest = Totals { sealed_samples: u64::from(u32::MAX), ..Totals::default() };
    // Values differ a little in length from window to window.
    let bytes = encoder.encode_row(&layout, window, &largest, &row[..columns.len()]).len() + columns.len() / 2;
    if bytes <= PAYLOAD_BYTES || columns.len() < 2 {
        return layouts.push(layout);
    }
    let (low, high) = columns.split_at(columns.len() / 2);
    pack(plan, low, number, encoder, layouts);
    pack(plan, high, number, encoder, layouts);
}

/// The series of a host in order of their keys: gauges and counters in equal number.
fn columns(metrics: usize, run: &str, number: u64) -> Vec<(Series, Kind)> {
    let pick = |list: &[&'static str], salt: u64| list[(mix(number ^ salt) % list.len() as u64) as usize];
    let (pool, region) = (pick(POOLS, 1), pick(REGIONS, 2));
    let host = format!("{pool}-{number:06}");
    let common = [("host", host.as_str()), ("pool", pool), ("region", region), ("run", run)];
    let counters = (0..metrics.div_ceil(2)).map(|at| {
        let (method, status) = (METHODS[at / 5 % METHODS.len()], STATUSES[at % 5]);
        let route = ROUTES[at / (5 * METHODS.len()) % ROUTES.len()];
        let copy = copy_label(at / (5 * METHODS.len() * ROUTES.len()));
        let own = [("route", route), ("method", method), ("status", status), ("copy", copy.as_str())];
        (Series::new("weir_bench_requests_total", common.iter().chain(&own).copied()), Kind::Counter)
    });
    let pairs: Vec<_> =
        GAUGES.iter().flat_map(|(name, label, values)| values.iter().map(|v| (*name, *label, *v))).collect();
    let gauges = (0..metrics / 2).map(|at| {
        let (name, label, value) = pairs[at % pairs.len()];
        let copy = copy_label(at / pairs.len());
        let own = [(label, value), ("copy", copy.as_str())];
        (Series::new(name, common.iter().chain(&own).copied()), Kind::Gauge)
    });
    let mut columns: Vec<_> = counters.chain(gauges).collect();
    columns.sort_by(|a, b| a.0.cmp(&b.0));
    columns
}

/// Sets series apart that would have the same labels; empty for the first of them.
fn copy_label(copy: usize) -> String {
    if copy == 0 { String::new() } else { copy.to_string() }
}

/// The values of one window in column order, and the sum of the counters among them.
fn row(plan: &Plan, number: u64, window: u32) -> (Vec<f64>, u64) {
    let mut counted = 0;
    let mut chance = mix(plan.run_number ^ mix(number) ^ u64::from(window) << 40);
    let row = plan.shapes.iter().enumerate().map(|(at, shape)| {
        chance = mix(chance);
        let level = mix(number ^ (at as u64) << 32);
        match shape {
            Shape::Counter => {
                let increase = increase(at, chance);
                counted += increase;
                increase as f64
            }
            Shape::Ratio => (level % 800 + chance % 60) as f64 / 1_000.0,
            Shape::Bytes => (level % 500_000 + chance % 64) as f64 * 4_096.0,
            Shape::Count => (level % 200 + chance % 8) as f64,
        }
    });
    let row = row.collect();
    (row, counted)
}

/// Two in five counters are nearly idle; the others count some to some hundreds per window.
fn increase(at: usize, chance: u64) -> u64 {
    match mix(at as u64) % 5 {
        0 | 1 => u64::from(chance.is_multiple_of(16)),
        2 | 3 => chance % 40,
        _ => 200 + chance % 400,
    }
}

/// SplitMix64's finalizer: a number that looks like chance and is the same in every run.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

const POOLS: &[&str] = &["web", "api", "db", "cache", "batch", "edge"];
const REGIONS: &[&str] = &["eu-west-1", "eu-north-1", "us-east-1", "us-west-2", "ap-south-1"];
const METHODS: &[&str] = &["GET", "POST"];
const STATUSES: &[&str] = &["200", "204", "304", "404", "500"];
const ROUTES: &[&str] = &["/", "/api/orders", "/api/users", "/api/cart", "/login", "/search", "/static", "/checkout"];
/// Name, label, and the values that label takes; an empty one stands for no label.
const GAUGES: &[(&str, &str, &[&str])] = &[
    ("system_cpu_utilization_ratio", "cpu_mode", MODES),
    ("system_memory_usage_bytes", "system_memory_state", &["used", "free", "cached", "buffers", "slab_reclaimable"]),
    ("system_filesystem_usage_bytes", "system_filesystem_mountpoint", MOUNTS),
    ("system_filesystem_utilization_ratio", "system_filesystem_mountpoint", MOUNTS),
    ("system_filesystem_inodes_count", "system_filesystem_mountpoint", MOUNTS),
    ("system_paging_usage_bytes", "system_paging_state", &["used", "free"]),
    ("system_processes_count", "process_status", STATUS),
    ("system_network_connections_count", "network_connection_state", &["allocated", "in_use", "orphan", "time_wait"]),
    ("queue_depth", "queue", &["mail", "orders", "images"]),
    ("system_cpu_load_average_1m", "", &[""]),
    ("system_cpu_load_average_5m", "", &[""]),
    ("system_cpu_load_average_15m", "", &[""]),
    ("system_linux_memory_available_bytes", "", &[""]),
    ("system_linux_memory_committed_bytes", "", &[""]),
    ("system_file_descriptors_count", "", &[""]),
    ("system_threads_count", "", &[""]),
];
const MODES: &[&str] = &["user", "system", "idle", "iowait", "nice", "irq", "softirq", "steal"];
const STATUS: &[&str] = &["running", "sleeping", "stopped", "defunct", "disk_sleep", "unknown"];
const MOUNTS: &[&str] = &["/", "/var", "/home", "/data", "/boot/efi"];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn plan(metrics: usize) -> Plan {
        Plan {
            run: "r1".into(),
            run_number: 7,
            shapes: shapes(metrics),
            interval: Duration::from_secs(10),
            windows: 3,
            ramp: Ramp { agents: 10, factors: vec![1.0] },
            first_end: Timestamp::from_secs(1_800_000_000),
            key: FleetKey { id: 1, secret: [3; 32] },
            tenant: 0,
            expires: u32::MAX,
            epoch: Epoch(1),
            route: Route::Udp,
        }
    }

    #[test]
    fn columns_are_distinct_and_as_their_shapes_say() {
        for metrics in [1, 2, 99, 100, 1_000] {
            let (columns, shapes) = (columns(metrics, "r1", 5), shapes(metrics));
            assert_eq!(columns.iter().map(|(series, _)| series).collect::<HashSet<_>>().len(), metrics);
            assert_eq!(shapes.iter().filter(|shape| **shape == Shape::Counter).count(), metrics.div_ceil(2));
            for ((series, kind), shape) in columns.iter().zip(shapes) {
                assert_eq!(*kind == Kind::Counter, shape == Shape::Counter, "{series}");
            }
        }
    }

    #[test]
    fn batches_say_what_the_account_says() {
        let (plan, mut encoder) = (plan(1_000), Encoder::new());
        let mut host = Host::new(&plan, 5, &mut encoder);
        let closed = host.close_window(&plan, &mut encoder);
        assert!(closed.batches > 1 && closed.samples == 1_000);
        let mut counted = 0.0;
        for entry in host.sender.outbox().waiting() {
            assert!(entry.payload.len() <= PAYLOAD_BYTES, "{} bytes", entry.payload.len());
            let batch = weir_wire::decode(&entry.payload).unwrap();
            assert_eq!(batch.window.end(), plan.first_end);
            counted += batch.points.iter().map(|(_, value)| counter(value)).sum::<f64>();
        }
        assert_eq!(counted, closed.counted as f64);
    }

    fn counter(value: &weir_sample::Value) -> f64 {
        if let weir_sample::Value::Counter(increase) = value { *increase } else { 0.0 }
    }
}
