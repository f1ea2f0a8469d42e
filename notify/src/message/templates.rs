//! The templates that channels name by default, and those of the configuration's files.

use std::path::{Path, PathBuf};

use weir_alert::routing::Config;
use weir_alert::template::{TemplateError, Templates};

/// A file with templates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateFault {
    /// It cannot be read.
    #[error("templates {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It cannot be understood.
    #[error(transparent)]
    Text(#[from] TemplateError),
}

/// All templates of a configuration whose file stands in `folder`.
///
/// # Errors
/// The first file that cannot be used.
pub fn load_templates(config: &Config, folder: &Path) -> Result<Templates, TemplateFault> {
    let mut templates = Templates::default();
    templates.add("default.tmpl", include_str!("default.tmpl"))?;
    for path in template_files(config, folder)? {
        let text =
            std::fs::read_to_string(&path).map_err(|source| TemplateFault::Read { path: path.clone(), source })?;
        templates.add(&path.to_string_lossy(), &text)?;
    }
    Ok(templates)
}

/// The files with templates that a configuration in `folder` names and that are there.
///
/// # Errors
/// A folder that cannot be listed.
pub fn template_files(config: &Config, folder: &Path) -> Result<Vec<PathBuf>, TemplateFault> {
    let mut found = Vec::new();
    for pattern in &config.templates {
        found.extend(files(&folder.join(pattern))?);
    }
    Ok(found)
}

/// As in Alertmanager, only the last part of a path may hold `*`; nothing found is no fault.
fn files(pattern: &Path) -> Result<Vec<PathBuf>, TemplateFault> {
    let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name().map(|name| name.to_string_lossy())) else {
        return Ok(Vec::new());
    };
    if !name.contains('*') {
        return Ok(if pattern.exists() { vec![pattern.to_owned()] } else { Vec::new() });
    }
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(TemplateFault::Read { path: folder.to_owned(), source }),
        Ok(entries) => entries,
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| {
        path.file_name().is_some_and(|found| matches(&name, &found.to_string_lossy())) && path.is_file()
    });
    found.sort();
    Ok(found)
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| matches(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, expected) in [
            ("*.tmpl", "a.tmpl", true),
            ("*.tmpl", "a.tmp", false),
            ("a*b*", "axbx", true),
            ("a", "a", true),
            ("a*b", "ba", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
