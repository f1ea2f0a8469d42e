//! The section `[console]` of `weir.toml`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What the console keeps on the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConsoleSettings {
    /// The folder of dashboards, relative to the configuration file. Default: `dashboards` in the data folder.
    pub dashboards: Option<PathBuf>,
}

impl ConsoleSettings {
    pub(crate) fn folder(&self, data: &Path, of_config: &Path) -> PathBuf {
        self.dashboards.as_ref().map_or_else(|| data.join("dashboards"), |path| of_config.join(path))
    }
}
