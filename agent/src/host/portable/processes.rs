//! Processes by state, and as an option the commands that use most.

use std::collections::HashMap;
use std::time::Instant;

use sysinfo::{CpuRefreshKind, Error, Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

use super::{Collector, Commands, Points, STATES, Told, states_of};
use crate::config::HostMetrics;

pub(super) struct Processes {
    system: System,
    states: bool,
    told: Told,
    /// Milliseconds of CPU of each process at the last look, and the look.
    before: HashMap<Pid, u64>,
    looked: Instant,
}

impl Processes {
    pub(super) fn new(settings: &HostMetrics) -> Result<Self, Error> {
        let mut system = System::new()?;
        system.refresh_cpu_list(CpuRefreshKind::nothing());
        let (states, told) = (settings.processes, Told::new(settings));
        Ok(Self { system, states, told, before: HashMap::new(), looked: Instant::now() })
    }
}

impl Collector for Processes {
    fn collect(&mut self, points: &mut Points<'_>) {
        let mut kind = ProcessRefreshKind::nothing().without_tasks();
        if self.told.any() {
            kind = kind.with_cpu().with_memory();
        }
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        let (mut states, mut commands) = ([0.0; STATES.len()], Commands::default());
        let mut before = HashMap::new();
        for (id, process) in self.system.processes() {
            states[state(process.status())] += 1.0;
            if self.told.any() {
                let now = process.accumulated_cpu_time();
                let used = now.saturating_sub(self.before.get(id).copied().unwrap_or(now));
                before.insert(*id, now);
                commands.add(&process.name().to_string_lossy(), used, process.memory());
            }
        }
        self.before = before;
        if self.states {
            states_of(states, points);
        }
        let passed = std::mem::replace(&mut self.looked, Instant::now()).elapsed().as_secs_f64() * 1e3;
        self.told.tell(commands, passed * self.system.cpus().len().max(1) as f64, points);
    }
}

/// Which of the states that are told a state of sysinfo's is.
fn state(status: ProcessStatus) -> usize {
    use ProcessStatus::{
        Dead, Idle, LockBlocked, Run, Sleep, Stop, Suspended, Tracing, UninterruptibleDiskSleep, Zombie,
    };

    match status {
        Run => 0,
        Sleep | Idle | LockBlocked => 1,
        UninterruptibleDiskSleep => 2,
        Stop | Tracing | Suspended => 3,
        Zombie | Dead => 4,
        _ => STATES.len() - 1,
    }
}
