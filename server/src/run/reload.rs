//! The sections of the configuration file that may change while the server runs.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

use crate::config::{AdmissionSettings, Config};

/// The configuration file, read again for the sections that may change while the server runs.
#[derive(Debug)]
pub(crate) struct Reloadable {
    file: PathBuf,
    read: Mutex<Option<SystemTime>>,
}

impl Reloadable {
    pub(crate) fn new(file: PathBuf) -> Self {
        let read = Mutex::new(modified(&file));
        Self { file, read }
    }

    /// The settings, if all are wanted or the file has changed.
    pub(crate) fn settings(&self, all: bool) -> Option<Result<AdmissionSettings, String>> {
        let mut read = self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = modified(&self.file);
        if !all && *read == now {
            return None;
        }
        *read = now;
        Some(Config::read(&self.file).map(|config| config.admission).map_err(|error| format!("{error:#}")))
    }
}

fn modified(file: &std::path::Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|data| data.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_again_when_it_changes_or_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weir.toml");
        std::fs::write(&file, "").unwrap();
        let reloadable = Reloadable::new(file.clone());
        assert_eq!(reloadable.settings(false), None);
        assert_eq!(reloadable.settings(true), Some(Ok(AdmissionSettings::default())));
        std::fs::write(&file, "admission.max_agent_series = \"many\"").unwrap();
        std::fs::File::open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(reloadable.settings(false).unwrap().unwrap_err().contains("line 1"));
    }
}
