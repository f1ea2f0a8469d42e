//! What a control group says of its use and limits, in versions 1 and 2; and the container that the agent runs in.

use std::path::{Path, PathBuf};

use super::{Collector, Points};
use crate::proc::{field, number};

/// Where the files of one group stand.
pub(super) enum Group {
    Two(PathBuf),
    /// A hierarchy for each controller, and the group's place in all of them.
    One {
        hierarchies: PathBuf,
        place: PathBuf,
    },
}

/// Version 1 says so, or nearly, where there is no limit.
const UNLIMITED: f64 = 9e18;
const MICROSECOND: f64 = 1e-6;
const NANOSECOND: f64 = 1e-9;

type Labels<'a> = [(&'a str, &'a str)];

impl Group {
    pub(super) fn tell(&self, labels: &Labels<'_>, points: &mut Points<'_>) {
        match self {
            Self::Two(group) => two(group, labels, points),
            Self::One { hierarchies, place } => {
                one(&|controller, file| hierarchies.join(controller).join(place).join(file), labels, points);
            }
        }
    }
}

fn two(group: &Path, labels: &Labels<'_>, points: &mut Points<'_>) {
    let text = |file| std::fs::read_to_string(group.join(file)).unwrap_or_default();
    let used = number(&group.join("memory.current")).unwrap_or(f64::NAN);
    points.gauge("container_memory_usage_bytes", labels, used);
    // A file that says "max" sets no limit.
    for (name, file) in [
        ("container_memory_limit_bytes", "memory.max"),
        ("container_processes_count", "pids.current"),
        ("container_processes_limit", "pids.max"),
    ] {
        points.gauge(name, labels, number(&group.join(file)).unwrap_or(f64::NAN));
    }
    working_set(used, named(&text("memory.stat"), "inactive_file"), labels, points);
    let limit = text("cpu.max");
    if let (Some(quota), Some(period)) = (field(&limit, 0), field(&limit, 1)) {
        points.gauge("container_cpu_limit_cores", labels, quota / period.max(1.0));
    }
    let cpu = text("cpu.stat");
    for (mode, name) in [("user", "user_usec"), ("system", "system_usec")] {
        let labels = [labels, &[("cpu_mode", mode)]].concat();
        points.counter_in(TIME, &labels, named(&cpu, name), MICROSECOND);
    }
    points.counter_in(THROTTLED, labels, named(&cpu, "throttled_usec"), MICROSECOND);
    points.counter(OOM_KILLS, labels, named(&text("memory.events"), "oom_kill"));
    let disks = text("io.stat");
    let sum = |key: &str| {
        let of_device = |word: &str| word.strip_prefix(key)?.strip_prefix('=')?.parse::<f64>().ok();
        disks.split_ascii_whitespace().filter_map(of_device).reduce(|sum, bytes| sum + bytes)
    };
    disk(labels, sum("rbytes"), sum("wbytes"), points);
}

fn one(path: &dyn Fn(&str, &str) -> PathBuf, labels: &Labels<'_>, points: &mut Points<'_>) {
    let value = |controller, file| number(&path(controller, file)).unwrap_or(f64::NAN);
    let text = |controller, file| std::fs::read_to_string(path(controller, file)).unwrap_or_default();
    let used = value("memory", "memory.usage_in_bytes");
    points.gauge("container_memory_usage_bytes", labels, used);
    let limit = value("memory", "memory.limit_in_bytes");
    points.gauge("container_memory_limit_bytes", labels, if limit < UNLIMITED { limit } else { f64::NAN });
    working_set(used, named(&text("memory", "memory.stat"), "total_inactive_file"), labels, points);
    points.gauge("container_processes_count", labels, value("pids", "pids.current"));
    points.gauge("container_processes_limit", labels, value("pids", "pids.max"));
    let (quota, period) = (value("cpu", "cpu.cfs_quota_us"), value("cpu", "cpu.cfs_period_us"));
    points.gauge("container_cpu_limit_cores", labels, if quota > 0.0 { quota / period.max(1.0) } else { f64::NAN });
    for (mode, file) in [("user", "cpuacct.usage_user"), ("system", "cpuacct.usage_sys")] {
        let labels = [labels, &[("cpu_mode", mode)]].concat();
        points.counter_in(TIME, &labels, value("cpuacct", file), NANOSECOND);
    }
    points.counter_in(THROTTLED, labels, named(&text("cpu", "cpu.stat"), "throttled_time"), NANOSECOND);
    points.counter(OOM_KILLS, labels, named(&text("memory", "memory.oom_control"), "oom_kill"));
    let disks = text("blkio", "blkio.throttle.io_service_bytes");
    let sum = |direction: &str| {
        let of_device = |line: &str| line.contains(direction).then(|| field(line, 2))?;
        disks.lines().filter_map(of_device).reduce(|sum, bytes| sum + bytes)
    };
    disk(labels, sum(" Read "), sum(" Write "), points);
}

/// What the kernel could not take away at once: the figure by which Kubernetes evicts. What is no number stays none, as `max` has it not.
fn working_set(used: f64, inactive: f64, labels: &Labels<'_>, points: &mut Points<'_>) {
    let set = used - inactive;
    points.gauge("container_memory_working_set_bytes", labels, if set < 0.0 { 0.0 } else { set });
}

fn disk(labels: &Labels<'_>, read: Option<f64>, written: Option<f64>, points: &mut Points<'_>) {
    for (direction, bytes) in [("read", read), ("write", written)] {
        let labels = [labels, &[("disk_io_direction", direction)]].concat();
        points.counter("container_disk_io_bytes_total", &labels, bytes.unwrap_or(f64::NAN));
    }
}

/// The number behind a name at a line's beginning.
fn named(text: &str, name: &str) -> f64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok());
    value.unwrap_or(f64::NAN)
}

const TIME: &str = "container_cpu_time_seconds_total";
const THROTTLED: &str = "container_cpu_throttled_seconds_total";
const OOM_KILLS: &str = "container_oom_kills_total";

/// The container that the agent runs in.
pub(super) struct Container(Group);

impl Container {
    /// `None` outside a container: the top of the hierarchy has limits only where it is a container's.
    pub(super) fn new(root: &Path) -> Option<Self> {
        let top = root.join("sys/fs/cgroup");
        if top.join("memory.max").exists() {
            return Some(Self(Group::Two(top)));
        }
        let limit = number(&top.join("memory/memory.limit_in_bytes")).is_some_and(|limit| limit < UNLIMITED);
        let quota = number(&top.join("cpu/cpu.cfs_quota_us")).is_some_and(|quota| quota > 0.0);
        (limit || quota).then(|| Self(Group::One { hierarchies: top, place: PathBuf::new() }))
    }
}

impl Collector for Container {
    fn collect(&mut self, points: &mut Points<'_>) {
        self.0.tell(&[], points);
    }
}
