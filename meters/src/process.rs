//! What this process costs its host, under the names that Prometheus' client libraries use.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use weir_sample::{Kind, Reading};

/// CPU, memory, threads and open files of this process; those that the system does not tell are left out.
pub fn readings() -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut gauge = |name: &str, value: Option<f64>, help: &'static str| {
        readings.extend(value.map(|value| Reading::gauge(name, &[], value, help)));
    };
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = Usage::parse(&stat);
    gauge("process_resident_memory_bytes", fields.as_ref().map(|fields| fields.resident_bytes), "Memory in RAM.");
    gauge("process_threads", fields.as_ref().map(|fields| fields.threads), "Threads.");
    gauge("process_start_time_seconds", Some(*STARTED.get_or_init(now)), "Unix time of the start.");
    let open = std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
    gauge("process_open_fds", open, "Open files and sockets.");
    let cpu = fields.map(|fields| Reading::gauge("process_cpu_seconds_total", &[], fields.cpu_s, "CPU time."));
    readings.extend(cpu.map(|cpu| Reading { kind: Kind::Counter, ..cpu }));
    readings
}

/// CPU time of this process' threads, those of one task together.
pub fn thread_readings() -> Vec<Reading> {
    let mut tasks = BTreeMap::<String, f64>::new();
    for thread in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let name = stat.split_once('(').and_then(|(_, rest)| Some(rest.rsplit_once(')')?.0));
        if let (Some(name), Some(fields)) = (name, Usage::parse(&stat)) {
            let task = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
            *tasks.entry(task.to_owned()).or_default() += fields.cpu_s;
        }
    }
    let help = "CPU time of the threads of one task; those that have ended are not in it.";
    let name = "weir_thread_cpu_seconds_total";
    let reading = |(task, cpu_s): (String, f64)| Reading {
        kind: Kind::Counter,
        ..Reading::gauge(name, &[("thread", task.as_str())], cpu_s, help)
    };
    tasks.into_iter().map(reading).collect()
}

/// Takes as many files and sockets as the system lets this process have, and tells how many: a stream is one.
pub fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Without it the old limit stays, and connections over it are refused one by one.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// To be called at the start, so that the start time is known.
pub fn mark_start() {
    STARTED.get_or_init(now);
}

/// When this process started, in seconds since 1970.
pub fn started_s() -> f64 {
    *STARTED.get_or_init(now)
}

static STARTED: OnceLock<f64> = OnceLock::new();

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// What a process of this host uses, if it is there.
pub fn usage(pid: u32) -> Option<Usage> {
    Usage::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The fields of `/proc/PID/stat` that are shown. See proc_pid_stat(5).
#[derive(Debug, PartialEq)]
pub struct Usage {
    /// User and system time.
    pub cpu_s: f64,
    /// Memory in RAM.
    pub resident_bytes: f64,
    threads: f64,
}

impl Usage {
    fn parse(stat: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, and may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let ticks_per_s = rustix::param::clock_ticks_per_second() as f64;
        let resident_bytes = field(24)? * rustix::param::page_size() as f64;
        Some(Self { cpu_s: (field(14)? + field(15)?) / ticks_per_s, resident_bytes, threads: field(20)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_after_any_name() {
        let stat =
            "7 (we) ir 9) S 1 7 7 0 -1 4194304 900 0 0 0 150 50 0 0 20 0 12 0 100 1000000 321 18446744073709551615";
        let fields = Usage::parse(stat).unwrap();
        assert_eq!((fields.threads, fields.resident_bytes), (12.0, 321.0 * rustix::param::page_size() as f64));
        assert_eq!(fields.cpu_s, 200.0 / rustix::param::clock_ticks_per_second() as f64);
        assert_eq!(Usage::parse("7 (weir)"), None);
    }

    #[test]
    fn this_process_is_seen() {
        let text = weir_sample::exposition(readings());
        for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
            assert!(text.contains(&format!("\n{name} ")), "{text}");
        }
    }
}
