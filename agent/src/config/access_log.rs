//! The tables `[[access_log]]`: web servers' logs that are counted as they grow.

use std::path::PathBuf;

use serde::Deserialize;

use super::choice::Choice;
use super::log_format::Format;

/// One log, as in the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessLog {
    pub path: PathBuf,
    #[serde(default)]
    pub format: Format,
    pub service: String,
    #[serde(default)]
    pub routes: Vec<Route>,
    #[serde(default)]
    pub from_start: bool,
}

/// A route's name and its pattern, which are one: `/users/*`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Route {
    pub name: String,
    pattern: Choice,
}

impl Route {
    /// Whether a path belongs to it.
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.pattern.allows(path)
    }
}

impl From<String> for Route {
    fn from(name: String) -> Self {
        let pattern = Choice::new(&[&name, "!*"]);
        Self { name, pattern }
    }
}
