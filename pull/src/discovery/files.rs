//! Groups of targets in files: read again when a file has changed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::said::Teller;
use crate::config::{FileSource, Group};

/// What a file said when it could be read last, and how it looked then.
#[derive(Default)]
struct File {
    looks: Option<(SystemTime, u64)>,
    groups: Vec<Group>,
    fault: Option<String>,
}

const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn follow(source: FileSource, teller: Teller) {
    let mut known = HashMap::new();
    loop {
        let (groups, fault) = look(&source, &mut known);
        teller.found_in_part(groups, fault);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Groups of all files; one that cannot be read keeps those of before, and one that is gone has none.
fn look(source: &FileSource, known: &mut HashMap<PathBuf, File>) -> (Vec<Group>, Option<String>) {
    let (mut groups, mut faults, mut there) = (Vec::new(), Vec::new(), HashMap::new());
    for pattern in &source.files {
        let paths = match glob::glob(pattern) {
            Ok(paths) => paths.flatten(),
            Err(error) => {
                faults.push(format!("{pattern:?} is no pattern of files: {error}"));
                continue;
            }
        };
        for path in paths {
            let mut file = known.remove(&path).unwrap_or_default();
            file.read_again(&path);
            faults.extend(
                file.fault.as_ref().map(|fault| format!("{}: {fault}; its targets of before stay", path.display())),
            );
            groups.extend_from_slice(&file.groups);
            there.insert(path, file);
        }
    }
    *known = there;
    (groups, (!faults.is_empty()).then(|| faults.join("; ")))
}

impl File {
    fn read_again(&mut self, path: &Path) {
        let looks = std::fs::metadata(path).and_then(|meta| Ok((meta.modified()?, meta.len()))).ok();
        if looks.is_some() && looks == self.looks && self.fault.is_none() {
            return;
        }
        self.looks = looks;
        match read(path) {
            Ok(groups) => (self.groups, self.fault) = (groups, None),
            Err(fault) => self.fault = Some(fault),
        }
    }
}

/// JSON is YAML too, and is read much faster as what it is.
fn read(path: &Path) -> Result<Vec<Group>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut groups: Vec<Group> = match path.extension().is_some_and(|end| end == "json") {
        true => serde_json::from_str(&text).map_err(|error| error.to_string())?,
        false => serde_saphyr::from_str(&text).map_err(|error| error.to_string())?,
    };
    for group in &mut groups {
        group.labels.insert("__meta_filepath".into(), path.display().to_string());
    }
    Ok(groups)
}
