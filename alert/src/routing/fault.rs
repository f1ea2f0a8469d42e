//! What is wrong with a configuration, and where.

use serde_saphyr::{Location, Spanned};

/// One fault of one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}:{column}: {fault}")]
pub struct ConfigFault {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// What is wrong and how to mend it.
    pub fault: String,
}

/// The faults found so far in one file.
pub(super) struct Faults<'f> {
    pub(super) file: &'f str,
    pub(super) found: Vec<ConfigFault>,
}

impl Faults<'_> {
    pub(super) fn at(&mut self, place: Location, fault: impl Into<String>) {
        let (line, column) = (place.line(), place.column());
        self.found.push(ConfigFault { file: self.file.to_owned(), line, column, fault: fault.into() });
    }

    pub(super) fn on<T>(&mut self, value: &Spanned<T>, fault: impl Into<String>) {
        self.at(value.referenced, fault);
    }
}
