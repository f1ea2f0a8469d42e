//! How far a backend is, on disk.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use weir_sample::Timestamp;
use weir_store::Late;

/// A backend's place: written before a stretch is sent and after it was taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// All up to then was taken; `None` before the first stretch.
    pub passed: Option<Timestamp>,
    /// Where the stretch that is being sent ends.
    pub until: Option<Timestamp>,
    /// What came late behind that and was not sent yet.
    pub late: Late,
}

/// As it is written.
#[derive(Default, Serialize, Deserialize)]
struct Written {
    passed_ms: Option<i64>,
    until_ms: Option<i64>,
    /// [`Late::encode`] in hexadecimal digits.
    late: String,
}

pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("progress.json")
}

impl Progress {
    /// Reads it; a damaged one is told, and begun anew.
    pub(crate) fn read(folder: &Path) -> Result<Self, weir_files::Error> {
        let Some(bytes) = weir_files::read_if_there(&path(folder))? else { return Ok(Self::default()) };
        let written = serde_json::from_slice::<Written>(&bytes);
        let late = written.as_ref().ok().and_then(|written| Late::decode(&from_hex(&written.late)?));
        match (written, late) {
            (Ok(Written { passed_ms, until_ms, .. }), Some(late)) => {
                Ok(Self { passed: passed_ms.map(Timestamp), until: until_ms.map(Timestamp), late })
            }
            _ => {
                let file = path(folder);
                tracing::error!(file = %file.display(), "a backend's progress is damaged: it begins with what comes now");
                Ok(Self::default())
            }
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), weir_files::Error> {
        let written = Written {
            passed_ms: self.passed.map(Timestamp::millis),
            until_ms: self.until.map(Timestamp::millis),
            late: to_hex(&self.late.encode()),
        };
        let json = serde_json::to_vec(&written).unwrap_or_default();
        weir_files::replace(&path(folder), &json, 0o600)
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.len().is_multiple_of(2).then(|| text.as_bytes().chunks(2).map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_comes_back_and_a_damaged_file_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Progress::read(folder.path()).unwrap(), Progress::default());
        let late = Late::decode(&[7; 40]).unwrap();
        let progress = Progress { passed: Some(Timestamp(5)), until: Some(Timestamp(9)), late };
        progress.write(folder.path()).unwrap();
        assert_eq!(Progress::read(folder.path()).unwrap(), progress);
        for text in ["", "{}", r#"{"passed_ms":1,"until_ms":null,"late":"abc"}"#] {
            std::fs::write(path(folder.path()), text).unwrap();
            assert_eq!(Progress::read(folder.path()).unwrap(), Progress::default(), "{text}");
        }
    }
}
