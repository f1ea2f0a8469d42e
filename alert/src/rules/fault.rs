//! What is wrong with a rule file: where, what, and the mend.

use std::fmt;

/// A place in a file; lines and columns start at 1, and 0 means unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

/// What a fault means for its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The file cannot be used.
    Error,
    /// It can, but hardly means what it says.
    Warning,
}

/// One fault of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file as it was named.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What it means.
    pub weight: Weight,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub mend: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.place.line > 0 {
            write!(f, ":{}:{}", self.place.line, self.place.column)?;
        }
        let weight = if self.weight == Weight::Error { "error" } else { "warning" };
        write!(f, ": {weight}: {}: {}", self.problem, self.mend)
    }
}

/// Gathers the faults of one file.
#[derive(Debug)]
pub(crate) struct Faults {
    file: String,
    found: Vec<Fault>,
}

impl Faults {
    pub(crate) fn of(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    pub(crate) fn error(&mut self, place: Place, problem: impl Into<String>, mend: impl Into<String>) {
        self.add(place, Weight::Error, problem.into(), mend.into());
    }

    pub(crate) fn warn(&mut self, place: Place, problem: impl Into<String>, mend: impl Into<String>) {
        self.add(place, Weight::Warning, problem.into(), mend.into());
    }

    fn add(&mut self, place: Place, weight: Weight, problem: String, mend: String) {
        self.found.push(Fault { file: self.file.clone(), place, weight, problem, mend });
    }

    /// The faults in the order of the file.
    pub(crate) fn into_found(mut self) -> Vec<Fault> {
        self.found.sort_by_key(|fault| fault.place);
        self.found
    }
}
