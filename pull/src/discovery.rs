//! Which targets there are now: those of the file, and those of the files that it names.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_wire::AgentId;

use crate::config::{Group, Job};
use crate::target::Target;

/// Looks for targets again and again.
pub(crate) struct Discovery {
    jobs: Vec<Arc<Job>>,
    /// What each file said when it could be read last.
    files: HashMap<PathBuf, Vec<Group>>,
    /// What is wrong, so that it is told once.
    told: Vec<String>,
}

impl Discovery {
    pub(crate) fn new(jobs: Vec<Arc<Job>>) -> Self {
        Self { jobs, files: HashMap::new(), told: Vec::new() }
    }

    /// All targets, and what is wrong that was not before.
    pub(crate) fn look(&mut self) -> (HashMap<AgentId, Target>, Vec<String>) {
        let (mut targets, mut faults) = (HashMap::new(), Vec::new());
        for job in self.jobs.clone() {
            let mut groups = job.groups.clone();
            for pattern in job.files.iter().flat_map(|source| &source.files) {
                groups.extend(self.groups(pattern, &mut faults));
            }
            add(&job, &groups, &mut targets, &mut faults);
        }
        let new = faults.iter().filter(|fault| !self.told.contains(fault)).cloned().collect();
        self.told = faults;
        (targets, new)
    }

    /// Groups of files; one that cannot be read keeps those of before, and one that is gone has none.
    fn groups(&mut self, pattern: &str, faults: &mut Vec<String>) -> Vec<Group> {
        let paths = match glob::glob(pattern) {
            Ok(paths) => paths.flatten(),
            Err(error) => {
                faults.push(format!("{pattern:?} is no pattern of files: {error}"));
                return Vec::new();
            }
        };
        let mut groups = Vec::new();
        for path in paths {
            match read(&path) {
                Ok(read) => _ = self.files.insert(path.clone(), read),
                Err(fault) => faults.push(format!("{}: {fault}; its targets of before stay", path.display())),
            }
            groups.extend(self.files.get(&path).into_iter().flatten().cloned());
        }
        groups
    }
}

/// JSON is YAML too.
fn read(path: &Path) -> Result<Vec<Group>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut groups: Vec<Group> = serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
    for group in &mut groups {
        group.labels.insert("__meta_filepath".into(), path.display().to_string());
    }
    Ok(groups)
}

fn add(job: &Arc<Job>, groups: &[Group], targets: &mut HashMap<AgentId, Target>, faults: &mut Vec<String>) {
    let (mut found, mut dropped) = (0, 0);
    for (group, address) in groups.iter().flat_map(|group| group.targets.iter().map(move |one| (group, one))) {
        found += 1;
        match Target::of(job, group, address) {
            Ok(None) => dropped += 1,
            Ok(Some(target)) => {
                if let Some(twice) = targets.insert(target.id, target) {
                    faults.push(format!("job {:?} has {} twice, with the same labels", job.name, twice.uri));
                }
            }
            Err(fault) => faults.push(format!("job {:?}: target {address:?}: {fault}", job.name)),
        }
    }
    if found > 0 && found == dropped {
        faults.push(format!("job {:?}: relabel_configs drop all of its {found} targets", job.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn files_are_followed_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (path, list) = (folder.path().join("scrape.yml"), folder.path().join("a.json"));
        let text = "scrape_configs:\n- job_name: j\n  file_sd_configs: [{files: ['*.json']}]\n  \
                    static_configs: [{targets: ['s:1', 's:1']}]\n- job_name: none\n  static_configs: \
                    [{targets: ['n:1']}]\n  relabel_configs: [{action: drop}]\n";
        std::fs::write(&path, text).unwrap();
        std::fs::write(&list, r#"[{"targets": ["f:1"], "labels": {"a": "b"}}]"#).unwrap();
        let mut discovery = Discovery::new(Config::load(&path).unwrap().jobs.into_iter().map(Arc::new).collect());
        let mut check = |expected: &[&str], faults: &[&str]| {
            let (targets, told) = discovery.look();
            let mut uris: Vec<_> = targets.values().map(|target| target.uri.authority().unwrap().to_string()).collect();
            uris.sort();
            assert_eq!(uris, expected);
            assert!(told.len() == faults.len() && told.iter().zip(faults).all(|(a, b)| a.contains(b)), "{told:?}");
        };
        check(&["f:1", "s:1"], &["twice", "drop all of its 1"]);
        std::fs::write(&list, r#"[{"targets": ["f:1"#).unwrap();
        check(&["f:1", "s:1"], &["stay"]);
        check(&["f:1", "s:1"], &[]);
        std::fs::write(&list, r#"[{"targets": ["f:2"]}]"#).unwrap();
        check(&["f:2", "s:1"], &[]);
        std::fs::remove_file(&list).unwrap();
        check(&["s:1"], &[]);
    }
}
