//! Reading `/proc`: a file into a reused buffer, fields out of a line.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// A file under `/proc` that stays open and is read again and again.
pub(crate) struct ProcFile {
    path: &'static str,
    file: Option<File>,
    text: String,
}

impl ProcFile {
    pub(crate) fn new(path: &'static str) -> Self {
        Self { path, file: None, text: String::new() }
    }

    /// The file as it is now; empty if it cannot be read, as in some containers.
    pub(crate) fn read(&mut self) -> &str {
        self.text.clear();
        if self.file.is_none() {
            self.file = File::open(self.path).ok();
        }
        if let Some(file) = &mut self.file
            && file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut self.text)).is_err()
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
