//! The section `[alerting]` of `weir.toml`: which rules are evaluated, and who is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use weir_alert::evaluate::Settings;
use weir_alert::routing::{self, Secret};
use weir_alert::rules::{RuleSet, Weight};
use weir_alert::template::Templates;
use weir_notify::{load_templates, template_files};

use crate::clock::{read_duration, read_some_duration};

/// Rules and routes. Paths are relative to the configuration file. Without `rules` and `config` nothing of it runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertingSettings {
    /// Rule files in Prometheus' format, or patterns of them. Default: none; only alerts that others send are then told.
    pub rules: Vec<String>,
    /// Whether the console may change these files, with the scope `admin`. What it replaces is kept in `alerts/rules` of the data
    /// folder. Default: no.
    pub save_rules: bool,
    /// Routes and receivers in Alertmanager's format. Default: none; alerts are then shown and nobody is told.
    pub config: Option<PathBuf>,
    /// The file of alerts' states. Default: `alerts/states.redb` in the data folder.
    pub state: Option<PathBuf>,
    /// Time between evaluations of groups that say none. Default: 15 s.
    #[serde(deserialize_with = "read_duration")]
    pub interval: Duration,
    /// How long evaluation waits for a sender past its next window. Default: two of its windows.
    #[serde(deserialize_with = "read_some_duration")]
    pub wait: Option<Duration>,
    /// How far behind the data evaluations may be and still be made up for; what is older is left out and recorded.
    /// Default: 1 h.
    #[serde(deserialize_with = "read_duration")]
    pub catch_up: Duration,
    /// Where people find this Weir; stands in notifications. Default: the HTTP address.
    pub external_url: Option<String>,
    /// With Kafka: where other processes find this one while it leads alerting. Default: the HTTP address; where that is all
    /// of this host's, its name and the port.
    pub advertise: Option<String>,
    /// Of `weir alert`, which evaluates alone: the address of a Prometheus API that rules ask. Where it is set, `weir up` and
    /// `weir sink` evaluate nothing.
    pub source: Option<String>,
    /// Of `weir alert`: where what rules record goes, by remote write. Default: nowhere.
    pub write: Option<String>,
    /// Of `weir alert`: the file of a token for both.
    pub token: Option<PathBuf>,
    /// An address that is asked every 15 s as long as rules are evaluated and people can be told. Default: none.
    pub heartbeat: Option<Secret>,
}

impl Default for AlertingSettings {
    fn default() -> Self {
        let interval = Duration::from_secs(15);
        let catch_up = Settings::default().catch_up;
        Self {
            rules: Vec::new(),
            save_rules: false,
            config: None,
            state: None,
            interval,
            wait: None,
            catch_up,
            external_url: None,
            advertise: None,
            source: None,
            write: None,
            token: None,
            heartbeat: None,
        }
    }
}

impl AlertingSettings {
    /// Whether rules are to be evaluated over the data of this process, or alerts that others send are to be told.
    pub(crate) fn is_on(&self) -> bool {
        (!self.rules.is_empty() || self.config.is_some()) && self.source.is_none()
    }

    /// What `weir alert` lacks to evaluate alone, if something.
    pub(crate) fn check_alone(&self) -> Result<(), String> {
        match (self.rules.is_empty(), &self.source) {
            (true, _) => Err("alerting.rules: weir alert evaluates rules; name their files".into()),
            (_, None) => Err("alerting.source: weir alert evaluates over another system; give the address of its \
                Prometheus API, such as http://prometheus:9090"
                .into()),
            _ => Ok(()),
        }
    }

    /// What is wrong with them, if something is.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_url = |url: &str| ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        let named = [
            ("external_url", &self.external_url),
            ("advertise", &self.advertise),
            ("source", &self.source),
            ("write", &self.write),
        ];
        for (name, url) in named {
            if let Some(url) = url.as_deref().filter(|url| !is_url(url)) {
                return Err(format!("alerting.{name}: {url:?} must begin with http:// or https://"));
            }
        }
        // This address is a secret and not repeated.
        match &self.heartbeat {
            Some(url) if !is_url(url.reveal()) => Err("alerting.heartbeat must begin with http:// or https://".into()),
            _ => Ok(()),
        }
    }

    /// What is wrong with the files that they name, one sentence for each.
    pub(crate) fn wrong_files(&self, folder: &Path) -> Vec<String> {
        let mut set = RuleSet::default();
        set.load(folder, &self.rules, self.interval);
        let errors = set.faults().filter(|fault| fault.weight == Weight::Error);
        let mut wrong: Vec<String> = errors.map(ToString::to_string).collect();
        if let Some(Err(faults)) = self.routes(folder) {
            wrong.extend(faults);
        }
        wrong
    }

    /// The routes and the templates that they use, or all that is wrong with them; `None` if no file is named.
    pub(crate) fn routes(&self, folder: &Path) -> Option<Result<Routes, Vec<String>>> {
        let path = folder.join(self.config.as_ref()?);
        Some(Routes::read(&path))
    }
}

/// Alertmanager's configuration, and the templates that it names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    pub config: routing::Config,
    pub templates: Templates,
    /// Where both were read.
    pub files: Vec<PathBuf>,
}

impl Routes {
    fn read(path: &Path) -> Result<Self, Vec<String>> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| vec![format!("{name}: {error}")])?;
        let faults = |faults: Vec<routing::ConfigFault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
        let config = routing::Config::read(&name, &text).map_err(faults)?;
        // Templates are relative to the file that names them, as in Alertmanager.
        let folder = path.parent().unwrap_or(Path::new(""));
        let fault = |fault: weir_notify::TemplateFault| vec![fault.to_string()];
        let mut files = template_files(&config, folder).map_err(fault)?;
        files.push(path.to_owned());
        let templates = load_templates(&config, folder).map_err(fault)?;
        Ok(Self { config, templates, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_with_their_units_and_wrong_files_are_named() {
        let read = |text: &str| toml::from_str::<AlertingSettings>(text);
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let settings = read("rules = ['*.yml']\nwait = '30s'\ncatch_up = '2h'\nconfig = 'routes.yaml'").unwrap();
        assert!(settings.is_on() && !AlertingSettings::default().is_on());
        assert_eq!((settings.wait, settings.catch_up.as_secs()), (Some(Duration::from_secs(30)), 7_200));
        let notifier_alone = read("config = 'routes.yaml'").unwrap();
        assert!(notifier_alone.is_on(), "for alerts that others send");
        write("good.yml", "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]");
        write("bad.yml", "groups:\n  - name: g\n    rules:\n      - {alert: A, expr: 'up =='}\n");
        write("routes.yaml", "route: {receiver: nobody}\nreceivers: [{name: ops}]\n");
        let wrong = settings.wrong_files(folder.path());
        assert!(
            wrong.len() == 2 && wrong[0].contains("bad.yml:4:") && wrong[1].contains("routes.yaml:1:"),
            "{wrong:?}"
        );
        for bad in ["wait = '1'", "catch_up = 3", "rule = []"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let alone = read("rules = ['a']\nsource = 'http://p:9090'").unwrap();
        assert!(
            alone.check_alone().is_ok() && !alone.is_on() && settings.check_alone().unwrap_err().contains("source")
        );
        assert!(read("heartbeat = 'weir'").unwrap().check().unwrap_err().contains("http://"));
        assert!(read("external_url = 'weir'").unwrap().check().unwrap_err().contains("http://"));
    }
}
