//! The sections of the configuration file that may change while the server runs.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

use crate::config::{AdmissionSettings, Config, Mistake};

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

    /// The settings, if all are wanted or the file has changed. A mistake elsewhere in the file does not hold them up.
    pub(crate) fn settings(&self, all: bool) -> Option<Result<AdmissionSettings, String>> {
        let mut read = self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = modified(&self.file);
        if !all && *read == now {
            return None;
        }
        *read = now;
        let found = Config::read_admission(&self.file).map_err(|error| format!("{error:#}"));
        Some(found.map(|(admission, mistake)| {
            if let Some(Mistake { key, problem }) = mistake {
                let file = self.file.display();
                tracing::warn!(%file, key, problem, "a mistake outside [admission]: the next start will refuse this file");
            }
            admission
        }))
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

    /// Reads the file again; its limit, and what the log says.
    fn reread(text: &str) -> (Result<usize, String>, String) {
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("weir.toml"), folder.path().join("log"));
        std::fs::write(&file, text).unwrap();
        let written = std::sync::Arc::new(std::fs::File::create(&log).unwrap());
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(written).finish();
        let settings = tracing::subscriber::with_default(subscriber, || Reloadable::new(file).settings(true).unwrap());
        (settings.map(|settings| settings.sink.max_agent_series), std::fs::read_to_string(log).unwrap())
    }

    #[test]
    fn a_mistake_elsewhere_is_told_and_does_not_block_the_section() {
        let check = |rest: &str, key: &str, problem: &str| {
            let (limit, log) = reread(&format!("{rest}\n[admission]\nmax_agent_series = 7\n"));
            assert_eq!(limit, Ok(7), "{rest}");
            assert!(log.contains("weir.toml") && log.contains(&format!("key=\"{key}\"")), "{log}");
            assert!(log.contains(problem) && log.lines().count() == 1, "{log}");
        };
        check("dta = \"/x\"", "dta", "unknown field `dta`");
        check("[listen]\n# here\nhtp = \"127.0.0.1:1\"", "listen.htp", "unknown field `htp`");
        check("[listen]\nstatsd = \"nowhere\"", "listen.statsd", "neither an address");
        check("[lisen]\nstatsd = \"off\"", "lisen", "unknown field `lisen`");
        check("sink.checkpoint_interval_s = 0", "sink.checkpoint_interval_s", "give at least 1");
    }

    #[test]
    fn a_mistake_in_the_section_keeps_the_old_one() {
        let (limit, log) = reread("[admission]\nmax_agent_serie = 7\n");
        assert!(limit.unwrap_err().contains("unknown field `max_agent_serie`"));
        assert_eq!(log, "");
        assert_eq!(reread("[admission]\nmax_agent_series = 7\n"), (Ok(7), String::new()));
    }
}
