//! The configuration file: read, and refused with file, line and what to mend.

use std::path::Path;

use anyhow::{Context, Result, anyhow};

use super::settings::Config;

/// Where the file is if nothing else is said; it may be absent then.
pub(crate) const DEFAULT_PATH: &str = "/etc/weir/weir-agent.toml";

/// What the file says; nothing if no file is named and there is none in the usual place.
pub(super) fn read(path: Option<&Path>) -> Result<Config> {
    let file = path.unwrap_or(Path::new(DEFAULT_PATH));
    match std::fs::read_to_string(file) {
        Ok(text) => parse(&text, file),
        Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

pub(super) fn parse(text: &str, file: &Path) -> Result<Config> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        anyhow!("{}:{line}: {}", file.display(), error.message().trim_end())
    })
}
