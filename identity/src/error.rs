//! What can be wrong with a file of keys, agents or certificates.

use std::{io, path::PathBuf};

use weir_files::SecretError;

/// Why a file of identity could not be used. Names the file and the mend; never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file with a secret that others may read.
    #[error(transparent)]
    Open(SecretError),
    /// A file that does not hold what it should.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line where there is one.
        problem: String,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// A claim that no gateway would accept, or a key that cannot sign.
    #[error("cannot issue the token: {0}")]
    Issue(String),
}

impl From<weir_files::Error> for Error {
    fn from(weir_files::Error { action, path, source }: weir_files::Error) -> Self {
        Self::Io { action, path, source }
    }
}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Io(error) => error.into(),
            open @ SecretError::Open { .. } => Self::Open(open),
        }
    }
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn content(path: impl Into<PathBuf>, problem: impl ToString) -> Self {
        Self::Content { path: path.into(), problem: problem.to_string() }
    }

    /// Whether the file is simply not there.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
