//! Routes and receivers in force: read again when their files change, the last good ones kept.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use weir_alert::routing;

use crate::config::{AlertingSettings, Routes};

/// Alertmanager's configuration file with its templates, and how they last looked.
pub(super) struct RouteFiles {
    folder: PathBuf,
    settings: AlertingSettings,
    /// The files of the routes in force.
    files: Vec<PathBuf>,
    look: Vec<Option<(SystemTime, u64)>>,
    looked: Option<Instant>,
    /// What is wrong with them, if something is.
    pub(super) faults: Vec<String>,
}

/// Time between two looks at the files.
const EVERY: Duration = Duration::from_secs(1);

/// Where no file says who is told: alerts are known, and nobody is.
const NOBODY: &str = "{route: {receiver: nobody}, receivers: [{name: nobody}]}";

impl RouteFiles {
    pub(super) fn new(folder: PathBuf, settings: AlertingSettings) -> Self {
        Self { folder, settings, files: Vec::new(), look: Vec::new(), looked: None, faults: Vec::new() }
    }

    /// New routes, if the files look different or `all` are to be read, and are good. What is wrong with them is said.
    pub(super) fn follow(&mut self, all: bool) -> Option<Routes> {
        if !all && self.looked.is_some_and(|looked| looked.elapsed() < EVERY) {
            return None;
        }
        let first = self.looked.is_none();
        self.looked = Some(Instant::now());
        let look = self.look_at_files();
        if !all && !first && look == self.look {
            return None;
        }
        self.look = look;
        let read = match self.settings.routes(&self.folder) {
            None if first => Ok(nobody()),
            None => return None,
            Some(read) => read,
        };
        match read {
            Ok(routes) => {
                self.faults.clear();
                self.files.clone_from(&routes.files);
                self.look = self.look_at_files();
                Some(routes)
            }
            Err(faults) => {
                if faults != self.faults {
                    faults.iter().for_each(|fault| tracing::error!(fault, "routes of alerts are not taken up"));
                }
                self.faults = faults;
                None
            }
        }
    }

    fn look_at_files(&self) -> Vec<Option<(SystemTime, u64)>> {
        let named = self.settings.config.iter().map(|path| self.folder.join(path));
        let seen = |path: PathBuf| {
            let data = std::fs::metadata(path).ok()?;
            Some((data.modified().ok()?, data.len()))
        };
        named.chain(self.files.iter().cloned()).map(seen).collect()
    }
}

fn nobody() -> Routes {
    Routes { config: routing::Config::read("", NOBODY).unwrap_or_default(), ..Routes::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_routes_are_taken_up_once_and_bad_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("routes.yml"), text).unwrap();
        let settings = AlertingSettings { config: Some("routes.yml".into()), ..AlertingSettings::default() };
        let mut files = RouteFiles::new(folder.path().to_owned(), settings);
        assert!(files.follow(false).is_none() && files.faults[0].contains("routes.yml: No such file"));
        write("{route: {receiver: ops}, receivers: [{name: ops}]}");
        assert_eq!(files.follow(true).unwrap().config.receivers.len(), 1);
        assert!(files.faults.is_empty());
        files.looked = None;
        files.look = files.look_at_files();
        assert!(files.follow(false).is_some(), "the first look reads them");
        files.looked = Some(Instant::now() - EVERY);
        assert!(files.follow(false).is_none(), "nothing has changed");
        write("{route: {receiver: nobody}, receivers: [{name: ops}]}");
        files.looked = Some(Instant::now() - EVERY);
        assert!(files.follow(false).is_none() && files.faults[0].contains("routes.yml:1:"), "{:?}", files.faults);
    }

    #[test]
    fn without_a_file_alerts_are_known_and_nobody_is_told() {
        let mut files = RouteFiles::new(PathBuf::new(), AlertingSettings::default());
        let routes = files.follow(false).unwrap();
        assert_eq!(routes.config.receivers["nobody"].channels.len(), 0);
        assert!(files.follow(true).is_none(), "nothing can change");
    }
}
