//! Unit tests of rules in promtool's format, with promtool's verdicts.

mod document;
mod expressions;
mod group;
mod verdict;

use std::path::Path;
use std::time::Duration;

use document::Document;
use group::run_group;
pub use verdict::Verdict;
use verdict::span;

use crate::rules::{Group, RuleSet, Weight};

/// Evaluation interval of a file that has none.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// Runs the tests of one file. Its rule files are relative to it.
///
/// # Errors
/// Why the tests cannot be run at all.
pub fn run_tests(path: &Path) -> Result<Verdict, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let document: Document = serde_saphyr::from_str(&text).map_err(|error| {
        let error = error.without_snippet();
        let at = error.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
        format!("{}{at}: {}", path.display(), error.to_string().lines().next().unwrap_or_default())
    })?;
    let interval = span(document.evaluation_interval.as_ref().map(|text| text.value.as_str()))?;
    let interval = interval.filter(|interval| !interval.is_zero()).unwrap_or(DEFAULT_INTERVAL);
    let groups = rules(path, &document, interval)?;
    let mut verdict = Verdict::default();
    for test in &document.tests {
        run_group(test, &groups, interval, document.fuzzy_compare, &mut verdict);
    }
    Ok(verdict)
}

/// The groups of all rule files in the order in which they are evaluated.
fn rules(path: &Path, document: &Document, interval: Duration) -> Result<Vec<Group>, String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut set = RuleSet::default();
    set.load(folder, &document.rule_files, interval);
    let errors: Vec<String> =
        set.faults().filter(|fault| fault.weight == Weight::Error).map(ToString::to_string).collect();
    if !errors.is_empty() {
        return Err(errors.join("\n"));
    }
    let mut names: Vec<&str> = Vec::new();
    for name in &document.group_eval_order {
        if names.contains(&name.as_str()) {
            return Err(format!("group name repeated in evaluation order: {name}"));
        }
        names.push(name);
    }
    let mut groups: Vec<Group> = set.groups().cloned().collect();
    groups.iter_mut().for_each(|group| group.interval = interval);
    // A group that the order does not name counts as its first, as with promtool.
    groups.sort_by_key(|group| names.iter().position(|name| *name == group.name).unwrap_or(0));
    Ok(groups)
}
