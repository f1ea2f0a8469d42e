//! The rule files in force: read again when they change, each kept as it last was good, and what is wrong with them told.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use weir_alert::rules::{Fault, Look, RuleSet, Weight};

/// Rule files, and how they last looked.
pub(super) struct RuleFiles {
    folder: PathBuf,
    patterns: Vec<String>,
    interval: Duration,
    set: RuleSet,
    look: Look,
    looked: Option<Instant>,
    told: Vec<Fault>,
}

/// Time between two looks at the files.
const EVERY: Duration = Duration::from_secs(1);

impl RuleFiles {
    pub(super) fn new(folder: PathBuf, patterns: Vec<String>, interval: Duration) -> Self {
        let (set, look, looked, told) = Default::default();
        Self { folder, patterns, interval, set, look, looked, told }
    }

    /// Reads the files again if one looks different, or if `all` are to be; true if the rules are others then.
    pub(super) fn follow(&mut self, all: bool) -> bool {
        let first = self.looked.is_none();
        if !all && self.looked.is_some_and(|looked| looked.elapsed() < EVERY) {
            return false;
        }
        self.looked = Some(Instant::now());
        let look = Look::at(&self.folder, &self.patterns);
        if !all && !first && look == self.look {
            return false;
        }
        self.look = look;
        let changed = self.set.load(&self.folder, &self.patterns, self.interval);
        self.tell();
        if changed || all {
            let (groups, rules) = (self.set.groups().count(), self.set.groups().map(|group| group.rules.len()).sum());
            let rules: usize = rules;
            tracing::info!(groups, rules, bad_files = self.set.bad_files(), "rule files were read");
        }
        changed || first
    }

    /// The rules.
    pub(super) fn set(&self) -> &RuleSet {
        &self.set
    }

    /// Says what is wrong and was not said before.
    fn tell(&mut self) {
        let faults: Vec<Fault> = self.set.faults().cloned().collect();
        for fault in faults.iter().filter(|fault| !self.told.contains(fault)) {
            match fault.weight {
                Weight::Error => tracing::error!(%fault, "a rule file has an error; what was last good of it stays"),
                Weight::Warning => tracing::warn!(%fault, "a rule hardly means what it says"),
            }
        }
        self.told = faults;
    }
}
