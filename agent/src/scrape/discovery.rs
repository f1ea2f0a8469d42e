//! Targets from files, in the form of Prometheus' file discovery: `[{"targets": ["127.0.0.1:9121"], "labels": {…}}]`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use crate::config::Endpoint;

/// Files, each read again when it has changed.
#[derive(Default)]
pub(super) struct Discovery(HashMap<PathBuf, File>);

struct File {
    modified: Option<SystemTime>,
    groups: Vec<Group>,
    error: Option<String>,
}

/// Targets that share labels.
#[derive(Clone, Deserialize)]
pub(super) struct Group {
    pub(super) targets: Vec<Endpoint>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
}

impl Discovery {
    /// What the file says now. One that cannot be read keeps what it last said.
    pub(super) fn groups(&mut self, path: &Path) -> &[Group] {
        let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let file = self.0.entry(path.to_owned()).or_insert(File { modified: None, groups: Vec::new(), error: None });
        if modified.is_none() || file.modified != modified {
            file.modified = modified;
            match read(path) {
                Ok(groups) => (file.groups, file.error) = (groups, None),
                Err(error) if file.error.as_ref() != Some(&error) => {
                    tracing::warn!(file = %path.display(), error, "targets cannot be read, those known stay");
                    file.error = Some(error);
                }
                Err(_) => {}
            }
        }
        &file.groups
    }

    /// Files that are wrong now.
    pub(super) fn wrong_files(&self) -> usize {
        self.0.values().filter(|file| file.error.is_some()).count()
    }
}

fn read(path: &Path) -> Result<Vec<Group>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}
