//! What is told of processes: how many are in which state, and as an option the commands that use most.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::points::Points;
use crate::config::{Choice, HostMetrics};

/// OpenTelemetry's names; what is unknown counts as the last.
pub(super) const STATES: [&str; 6] = ["running", "sleeping", "disk_sleep", "stopped", "defunct", "unknown"];

pub(super) fn states_of(counts: [f64; STATES.len()], points: &mut Points<'_>) {
    for (name, count) in STATES.iter().zip(counts) {
        points.gauge("system_processes_count", &[("process_status", name)], count);
    }
}

/// Commands by name, each with all its processes together.
#[derive(Default)]
pub(super) struct Commands(HashMap<String, Command>);

#[derive(Default)]
struct Command {
    /// CPU time in the window, in whatever unit the whole is.
    used: u64,
    resident_bytes: u64,
    count: u64,
}

impl Commands {
    pub(super) fn add(&mut self, name: &str, used: u64, resident_bytes: u64) {
        // Most processes are of commands that are there already.
        let command = match self.0.get_mut(name) {
            Some(command) => command,
            None => self.0.entry(name.to_owned()).or_default(),
        };
        command.used += used;
        command.resident_bytes += resident_bytes;
        command.count += 1;
    }
}

/// Which commands are told.
pub(super) struct Told {
    top: usize,
    /// Commands that are told however little they use.
    named: Option<Choice>,
}

impl Told {
    pub(super) fn new(settings: &HostMetrics) -> Self {
        let names: Vec<&str> = settings.process_names.iter().map(String::as_str).chain(["!*"]).collect();
        Self { top: settings.top_processes, named: (names.len() > 1).then(|| Choice::new(&names)) }
    }

    pub(super) fn any(&self) -> bool {
        self.top > 0 || self.named.is_some()
    }

    /// `passed` is the CPU time that all cores had together, in the unit of what commands used.
    pub(super) fn tell(&self, commands: Commands, passed: f64, points: &mut Points<'_>) {
        let mut ranked: Vec<_> = commands.0.into_iter().collect();
        ranked.sort_by_key(|(name, command)| (Reverse((command.used, command.resident_bytes)), name.clone()));
        let is_named = |name: &str| self.named.as_ref().is_some_and(|named| named.allows(name));
        let told = ranked.iter().enumerate().filter(|(at, (name, _))| *at < self.top || is_named(name));
        for (_, (name, command)) in told {
            let labels = [("process_executable_name", name.as_str())];
            points.ratio("process_cpu_utilization_ratio", &labels, command.used as f64 / passed.max(1.0));
            points.gauge("process_memory_usage_bytes", &labels, command.resident_bytes as f64);
            points.gauge("process_count", &labels, command.count as f64);
        }
    }
}
