//! What a disk would not do.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

/// A file or folder that could not be used. Its text has the cause, so whoever prints a chain of errors tells it once.
#[derive(Debug)]
pub struct Error {
    /// What was being done, as a verb.
    pub action: &'static str,
    /// To which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl Error {
    /// Makes an error of what the system says of an action on a path.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.action, self.path.display(), self.source)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.source()
    }
}
