//! The rules in force: files found by patterns, read, and each kept as it last was good.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::fault::{Fault, Place, Weight};
use super::read::read_rules;
use super::rule::Group;

/// Rule files and what was last good of each.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    files: BTreeMap<String, RuleFile>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct RuleFile {
    text: String,
    groups: Option<Vec<Group>>,
    faults: Vec<Fault>,
}

/// Largest rule file; the largest in the field have a few hundred kilobytes.
const MOST_BYTES: u64 = 16 << 20;

/// How the files of some patterns look from outside: where one differs from the look before, they are to be read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

impl Look {
    /// Looks at the files of `patterns`, which are relative to `folder`.
    pub fn at(folder: &Path, patterns: &[String]) -> Self {
        let look = |path: PathBuf| {
            let data = std::fs::metadata(&path).ok();
            let seen = data.and_then(|data| Some((data.modified().ok()?, data.len())));
            (path, seen)
        };
        Self(files(folder, patterns).0.into_iter().map(look).collect())
    }
}

impl RuleSet {
    /// Reads the files of `patterns`, which are relative to `folder`, and returns whether anything changed. A file with
    /// an error keeps its groups as they last were good; a file that is gone takes its groups with it.
    pub fn load(&mut self, folder: &Path, patterns: &[String], default_interval: Duration) -> bool {
        let (found, faults) = files(folder, patterns);
        let before = std::mem::take(&mut self.files);
        for path in found {
            let name = path.display().to_string();
            let file = RuleFile::read(&name, &path, before.get(&name), default_interval);
            self.files.insert(name, file);
        }
        for (pattern, fault) in faults {
            self.files.insert(pattern, RuleFile { faults: vec![fault], ..RuleFile::default() });
        }
        before != self.files
    }

    /// All groups, by file.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.files.values().flat_map(|file| file.groups.iter().flatten())
    }

    /// All faults, by file.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.files.values().flat_map(|file| &file.faults)
    }

    /// Files of which nothing is known: they have an error and never were good.
    pub fn unusable(&self) -> BTreeSet<String> {
        self.files.iter().filter(|(_, file)| file.groups.is_none()).map(|(name, _)| name.clone()).collect()
    }

    /// Files with an error: what is in force of them is older than they are, or nothing.
    pub fn bad_files(&self) -> usize {
        let is_bad = |file: &&RuleFile| file.faults.iter().any(|fault| fault.weight == Weight::Error);
        self.files.values().filter(is_bad).count()
    }
}

impl RuleFile {
    fn read(name: &str, path: &Path, before: Option<&Self>, default_interval: Duration) -> Self {
        let text = match read_text(path) {
            Ok(text) => text,
            Err(error) => {
                let faults = vec![whole_file(name, error, "make it a file that can be read")];
                return Self { faults, ..before.cloned().unwrap_or_default() };
            }
        };
        let (groups, faults) = read_rules(name, &text, default_interval);
        Self { groups: groups.or_else(|| before.and_then(|before| before.groups.clone())), text, faults }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MOST_BYTES {
        return Err(format!("it has {size} bytes, over {MOST_BYTES}"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())
}

/// The files of patterns, each once, as sets of rules name them.
#[must_use]
pub fn rule_files(folder: &Path, patterns: &[String]) -> Vec<PathBuf> {
    files(folder, patterns).0
}

/// The files of some patterns, each once; a pattern without `*`, `?` or `[` is a file that must be there.
fn files(folder: &Path, patterns: &[String]) -> (Vec<PathBuf>, Vec<(String, Fault)>) {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for pattern in patterns {
        let whole = folder.join(pattern).display().to_string();
        if !whole.contains(['*', '?', '[']) {
            found.push(PathBuf::from(whole));
            continue;
        }
        match glob::glob(&whole) {
            Ok(paths) => found.extend(paths.filter_map(Result::ok).filter(|path| path.is_file())),
            Err(error) => faults.push((whole.clone(), whole_file(&whole, error.to_string(), "mend the pattern"))),
        }
    }
    found.sort();
    found.dedup();
    (found, faults)
}

fn whole_file(file: &str, problem: String, mend: &str) -> Fault {
    let place = Place::default();
    Fault { file: file.to_owned(), place, weight: Weight::Error, problem, mend: mend.to_owned() }
}
