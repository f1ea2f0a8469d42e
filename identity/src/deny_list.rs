//! Agents that are refused whatever they hold: one agent id a line.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use weir_sample::Reading;
use weir_wire::AgentId;

use crate::Error;
use crate::watched::{Source, Watched};

/// The agents denied, from a file that is watched. Without a file, and until there is one, nobody is denied.
pub struct DenyList {
    watched: Option<Watched<DenyFile>>,
    /// Spares the receive path a lock and a look-up per datagram while nobody is denied.
    empty: AtomicBool,
}

struct DenyFile(PathBuf);

impl DenyList {
    /// A list that denies nobody and never changes.
    pub fn none() -> Self {
        Self { watched: None, empty: AtomicBool::new(true) }
    }

    /// The list in this file.
    pub fn watch(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let watched = Watched::open(DenyFile(path.into()))?;
        let empty = AtomicBool::new(watched.current().is_empty());
        Ok(Self { watched: Some(watched), empty })
    }

    /// Whether this agent is to be refused.
    pub fn denies(&self, agent: &AgentId) -> bool {
        if self.empty.load(Relaxed) {
            return false;
        }
        self.watched.as_ref().is_some_and(|watched| watched.current().contains(agent))
    }

    /// Loads the file again; on an error the list in force stays.
    pub fn reload(&self) -> Result<(), Error> {
        let Some(watched) = &self.watched else { return Ok(()) };
        let outcome = watched.reload();
        self.empty.store(watched.current().is_empty(), Relaxed);
        outcome
    }

    /// Loads the file again if it has changed; `true` if a new list is in force.
    pub fn reload_if_changed(&self) -> Result<bool, Error> {
        let Some(watched) = &self.watched else { return Ok(false) };
        let outcome = watched.reload_if_changed();
        self.empty.store(watched.current().is_empty(), Relaxed);
        outcome
    }

    /// Telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let Some(watched) = &self.watched else { return Vec::new() };
        let denied = watched.current().len() as f64;
        let mut readings = vec![Reading::gauge("weir_denied_agents", &[], denied, "Agent ids on the deny-list.")];
        readings.extend(watched.readings());
        readings
    }
}

impl Source for DenyFile {
    type Loaded = HashSet<AgentId>;

    const WHAT: &'static str = crate::DENIED_AGENTS;

    fn files(&self) -> Vec<PathBuf> {
        vec![self.0.clone()]
    }

    fn load(&self) -> Result<Self::Loaded, Error> {
        match fs::read_to_string(&self.0).map_err(Error::io("read", &self.0)) {
            Ok(text) => parse(&self.0, &text),
            Err(error) if error.is_absent() => Ok(HashSet::new()),
            Err(error) => Err(error),
        }
    }
}

fn parse(path: &Path, text: &str) -> Result<HashSet<AgentId>, Error> {
    let mut denied = HashSet::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or_default().trim();
        if content.is_empty() {
            continue;
        }
        let agent = content.parse().map_err(|_| {
            let number = index + 1;
            Error::content(path, format!("line {number}: not an agent id such as 0190f3c2-5f1e-7a39-8c4e-0d8f6f1f2a3b"))
        })?;
        denied.insert(agent);
    }
    Ok(denied)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "11111111-1111-4111-8111-111111111111";
    const TWO: &str = "22222222-2222-4222-8222-222222222222";

    fn denied(list: &DenyList) -> [bool; 2] {
        [ONE, TWO].map(|agent| list.denies(&agent.parse().unwrap()))
    }

    #[test]
    fn a_changed_file_comes_into_force_and_a_bad_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("denied");
        let list = DenyList::watch(&path).unwrap();
        assert_eq!(denied(&list), [false, false]);
        fs::write(&path, format!("# stolen\n{ONE} # laptop\n\n")).unwrap();
        assert!(list.reload_if_changed().unwrap());
        assert_eq!(denied(&list), [true, false]);
        assert!(!list.reload_if_changed().unwrap());

        fs::write(&path, format!("{TWO}\nweb-1\n")).unwrap();
        let error = list.reload_if_changed().unwrap_err().to_string();
        assert!(error.contains("line 2: not an agent id"), "{error}");
        assert_eq!(denied(&list), [true, false]);
        assert!(!list.reload_if_changed().unwrap(), "a bad file is complained of once");
        assert!(list.reload().is_err(), "and again when asked");
    }

    #[test]
    fn a_file_that_is_gone_frees_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("denied");
        fs::write(&path, ONE).unwrap();
        let list = DenyList::watch(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(list.reload_if_changed().unwrap_err().to_string().contains("gone"));
        assert!(list.reload().is_err(), "and again when asked");
        assert_eq!(denied(&list), [true, false]);
        fs::write(&path, "").unwrap();
        assert!(list.reload_if_changed().unwrap());
        assert_eq!(denied(&list), [false, false]);
    }

    #[test]
    fn no_file_denies_nobody() {
        assert_eq!(denied(&DenyList::none()), [false, false]);
    }
}
