//! Targets from files, in the form of Prometheus' file discovery: `[{"targets": ["127.0.0.1:9121"], "labels": {…}}]`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use crate::endpoint::Endpoint;

/// Files, each read again when it has changed.
#[derive(Default)]
pub struct Files(HashMap<PathBuf, File>);

struct File {
    modified: Option<SystemTime>,
    groups: Vec<Group>,
    error: Option<String>,
}

/// Targets that share labels.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Group {
    /// Where the targets are.
    pub targets: Vec<Endpoint>,
    /// Labels of all that they say.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl Files {
    /// What the file says now. One that cannot be read keeps what it last said, and `refused` hears why, once.
    pub fn groups(&mut self, path: &Path, refused: impl FnOnce(&str)) -> &[Group] {
        let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let file = self.0.entry(path.to_owned()).or_insert(File { modified: None, groups: Vec::new(), error: None });
        if modified.is_none() || file.modified != modified {
            file.modified = modified;
            match read(path) {
                Ok(groups) => (file.groups, file.error) = (groups, None),
                Err(error) if file.error.as_ref() != Some(&error) => {
                    refused(&error);
                    file.error = Some(error);
                }
                Err(_) => {}
            }
        }
        &file.groups
    }

    /// Files that are wrong now.
    pub fn wrong_files(&self) -> usize {
        self.0.values().filter(|file| file.error.is_some()).count()
    }
}

fn read(path: &Path) -> Result<Vec<Group>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_goes_wrong_keeps_what_it_said_and_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("targets.json");
        let (mut files, mut told) = (Files::default(), 0);
        let mut check = |text: &str, seconds: u64, targets: usize, tellings: usize, wrong: usize| {
            std::fs::write(&path, text).unwrap();
            let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
            let found = files.groups(&path, |_| told += 1).iter().map(|group| group.targets.len()).sum::<usize>();
            assert_eq!((found, told, files.wrong_files()), (targets, tellings, wrong), "{text}");
        };
        check(r#"[{"targets": ["a:1", "b:1"]}]"#, 1, 2, 0, 0);
        check("rubbish", 2, 2, 1, 1);
        check("rubbish", 3, 2, 1, 1);
        check(r#"[{"targets": ["a:1"], "labels": {"x": "y"}}]"#, 4, 1, 1, 0);
    }

    #[test]
    fn a_file_that_is_not_there_says_nothing() {
        let (mut files, mut told) = (Files::default(), 0);
        for _ in 0..2 {
            assert_eq!(files.groups(Path::new("/nowhere/targets.json"), |_| told += 1), []);
        }
        assert_eq!((told, files.wrong_files()), (1, 1));
    }
}
