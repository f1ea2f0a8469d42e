//! Reading `/proc` and `/sys`: a file into a reused buffer, fields out of a line.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A file under `/proc` that stays open and is read again and again.
pub(crate) struct ProcFile {
    path: PathBuf,
    file: Option<File>,
    text: Vec<u8>,
}

impl ProcFile {
    /// `path` is absolute; `root` is where that host's files stand.
    pub(crate) fn new(root: &Path, path: &str) -> Self {
        Self { path: root.join(path.trim_start_matches('/')), file: None, text: Vec::new() }
    }

    /// The file as it is now; empty if it cannot be read, as in some containers. Names in it may hold any byte: what is no
    /// UTF-8 is mended where it stands.
    pub(crate) fn read(&mut self) -> &str {
        self.read_bytes();
        if let Cow::Owned(mended) = String::from_utf8_lossy(&self.text) {
            self.text = mended.into_bytes();
        }
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The same, byte for byte.
    pub(crate) fn read_bytes(&mut self) -> &[u8] {
        self.text.clear();
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        if let Some(file) = &mut self.file
            && file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut self.text)).is_err()
        {
            self.text.clear();
            self.file = None;
        }
        &self.text
    }
}

/// Field number `at` of a line split at white space.
pub(crate) fn field(line: &str, at: usize) -> Option<f64> {
    line.split_ascii_whitespace().nth(at)?.parse().ok()
}

/// The number in a file that holds nothing else.
pub(crate) fn number(path: &Path) -> Option<f64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}
