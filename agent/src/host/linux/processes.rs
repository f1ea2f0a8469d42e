//! Processes by state, open files, and as an option the commands that use most.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, Mode, OFlags, open, openat};
use rustix::param::page_size;

use super::{Collector, Commands, Points, STATES, Told, states_of};
use crate::config::HostMetrics;
use crate::proc::{ProcFile, field};

/// Reads one short file per process, which costs about 5 µs each.
pub(super) struct Processes {
    folder: PathBuf,
    files: ProcFile,
    stat: ProcFile,
    states: bool,
    told: Told,
    /// CPU ticks of each process at the last look, and the look.
    before: HashMap<u32, (u64, u64)>,
    turn: u64,
    total_before: f64,
    text: Vec<u8>,
}

impl Processes {
    pub(super) fn new(root: &Path, settings: &HostMetrics) -> Self {
        Self {
            folder: root.join("proc"),
            files: ProcFile::new(root, "/proc/sys/fs/file-nr"),
            stat: ProcFile::new(root, "/proc/stat"),
            states: settings.processes,
            told: Told::new(settings),
            before: HashMap::new(),
            turn: 0,
            total_before: 0.0,
            text: Vec::with_capacity(512),
        }
    }

    /// Calls with id and `stat` line of every process there is.
    fn each(&mut self, mut visit: impl FnMut(&mut HashMap<u32, (u64, u64)>, u32, &str)) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(folder) = open(&self.folder, flags, Mode::empty()) else { return };
        let Ok(entries) = Dir::read_from(&folder) else { return };
        for entry in entries.flatten() {
            let Some(id) = entry.file_name().to_str().ok().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let path = format!("{id}/stat");
            // A process may end while it is looked at.
            let Ok(file) = openat(&folder, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else { continue };
            self.text.resize(512, 0);
            let Ok(size) = rustix::io::read(&file, &mut self.text[..]) else { continue };
            visit(&mut self.before, id, &String::from_utf8_lossy(&self.text[..size]));
        }
    }

    fn look(&mut self, points: &mut Points<'_>) {
        let mut states = [0.0; STATES.len()];
        let mut commands = Commands::default();
        let (turn, ranks) = (self.turn, self.told.any());
        self.each(|before, id, line| {
            // The command stands in brackets and may hold anything, brackets too.
            let Some((head, rest)) = line.rsplit_once(") ") else { return };
            let state = rest.as_bytes().first().map_or(' ', |byte| char::from(*byte));
            let at = LETTERS.iter().position(|letters| letters.contains(state)).unwrap_or(LETTERS.len());
            states[at] += 1.0;
            if ranks {
                let number = |at: usize| field(rest, at).unwrap_or(0.0) as u64;
                let ticks = number(11) + number(12);
                let (last, _) = before.insert(id, (ticks, turn)).unwrap_or((ticks, turn));
                let name = head.split_once('(').map_or("", |(_, name)| name);
                commands.add(name, ticks.saturating_sub(last), number(21) * page_size() as u64);
            }
        });
        if self.states {
            states_of(states, points);
        }
        self.before.retain(|_, (_, seen)| *seen == turn);
        let line = self.stat.read().lines().next().unwrap_or_default();
        let total: f64 = (1..=8).filter_map(|at| field(line, at)).sum();
        let passed = total - std::mem::replace(&mut self.total_before, total);
        self.told.tell(commands, passed, points);
    }
}

impl Collector for Processes {
    fn collect(&mut self, points: &mut Points<'_>) {
        let files = self.files.read();
        if let (Some(open), Some(limit)) = (field(files, 0), field(files, 2)) {
            points.gauge("system_file_descriptors_count", &[], open);
            points.gauge("system_file_descriptors_limit", &[], limit);
        }
        for line in self.stat.read().lines() {
            if let Some(blocked) = line.strip_prefix("procs_blocked ").and_then(|text| text.parse().ok()) {
                points.gauge("system_processes_blocked", &[], blocked);
            }
        }
        self.turn += 1;
        if self.states || self.told.any() {
            self.look(points);
        }
    }
}

/// The kernel's letters (man 5 proc_pid_stat) of each state, in the order in which states are told; what is unknown counts as
/// the last.
const LETTERS: [&str; STATES.len() - 1] = ["R", "SI", "D", "Tt", "ZX"];
