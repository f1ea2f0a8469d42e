//! Dashboards as files: `NAME.json` in a folder over those that are shipped, and in `history/NAME` what each save has left.
//!
//! A file that cannot be read as a dashboard hides nothing: the last good text is served with what is wrong and where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use weir_files::Error;

use crate::api::saved::{History, etag, is_expected};

/// Dashboards that come with Weir, the same that Grafana is given.
#[derive(rust_embed::RustEmbed)]
#[folder = "../deploy/grafana/dashboards"]
struct Shipped;

/// Dashboards hold queries and titles, and a folder may be for others to read.
const MODE: u32 = 0o644;

/// The folder, which need not exist before the first save.
pub(crate) struct Folder {
    path: PathBuf,
    /// The newest good text of each, and the turn of who saves.
    good: Mutex<BTreeMap<String, String>>,
}

/// One dashboard.
pub(crate) struct Dashboard {
    pub name: String,
    pub is_shipped: bool,
    pub text: String,
    /// Stands for the file's content, good or bad.
    pub etag: String,
    /// Why the file is not what is served.
    pub mistake: Option<Mistake>,
}

/// What is wrong with a file, and where.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub text: String,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("there is no dashboard {0:?}")]
    Unknown(String),
    #[error("{0:?} is no name of a dashboard: use up to 80 of a-z, A-Z, 0-9, -, _ and ., the first no dot")]
    Name(String),
    #[error("{}:{}:{}: {}", .0.file, .0.line, .0.column, .0.text)]
    Mistake(Mistake),
    #[error("it was changed meanwhile: read it again, and save your changes over that")]
    Changed,
    #[error(transparent)]
    File(#[from] Error),
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, good: Mutex::default() }
    }

    /// Every one that is shipped or a file, by name. Files whose names cannot be asked for are passed over.
    pub(super) fn all(&self) -> Result<Vec<Dashboard>, Failure> {
        let files = if self.path.is_dir() { weir_files::names(&self.path)? } else { Vec::new() };
        let files = files.into_iter().chain(Shipped::iter().map(|name| name.into_owned()));
        let names: BTreeSet<_> = files.filter_map(|file| Some(file.strip_suffix(".json")?.to_owned())).collect();
        let dashboards = names.into_iter().filter(|name| check_name(name).is_ok()).map(|name| self.read(&name));
        // One that was removed meanwhile, or that was never good, is not there.
        let there = dashboards.filter(|found| !matches!(found, Err(Failure::Unknown(_))));
        there.collect()
    }

    pub(super) fn read(&self, name: &str) -> Result<Dashboard, Failure> {
        check_name(name)?;
        let (bytes, is_shipped) = self.current(name)?.ok_or_else(|| Failure::Unknown(name.to_owned()))?;
        let etag = etag(&bytes);
        let read = |text, mistake| Dashboard { name: name.to_owned(), is_shipped, text, etag, mistake };
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        match check(&bytes) {
            Ok(text) => {
                good.insert(name.to_owned(), text.clone());
                Ok(read(text, None))
            }
            Err(mistake) => {
                let mistake = Mistake { file: self.file(name).display().to_string(), ..mistake };
                let last = good.get(name).cloned().or_else(|| self.newest_version(name));
                let last = last.or_else(|| check(&shipped(name)?).ok());
                Ok(read(last.unwrap_or_else(|| EMPTY.to_owned()), Some(mistake)))
            }
        }
    }

    /// The file's bytes, or those that are shipped.
    fn current(&self, name: &str) -> Result<Option<(Vec<u8>, bool)>, Failure> {
        let of_file = weir_files::read_if_there(&self.file(name))?.map(|bytes| (bytes, false));
        Ok(of_file.or_else(|| shipped(name).map(|bytes| (bytes, true))))
    }

    /// Times of saves in milliseconds, newest first.
    pub(super) fn versions(&self, name: &str) -> Result<Vec<u64>, Failure> {
        check_name(name)?;
        Ok(self.history(name).versions()?)
    }

    pub(super) fn version(&self, name: &str, version: u64) -> Result<String, Failure> {
        check_name(name)?;
        let bytes = weir_files::read_if_there(&self.history(name).file(version))?;
        let bytes = bytes.ok_or_else(|| Failure::Unknown(format!("{name} of {version}")))?;
        check(&bytes).map_err(Failure::Mistake)
    }

    /// Keeps what is there as a version, if none has it, and puts this in its place.
    pub(super) fn save(&self, name: &str, bytes: &[u8], expected: Option<&str>) -> Result<Dashboard, Failure> {
        check_name(name)?;
        let text =
            check(bytes).map_err(|mistake| Failure::Mistake(Mistake { file: format!("{name}.json"), ..mistake }))?;
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current(name)?;
        if let (Some(expected), Some((before, _))) = (expected, &before)
            && !is_expected(expected, before)
        {
            return Err(Failure::Changed);
        }
        let history = self.history(name);
        if let Some((before, false)) = before
            && check(&before).is_ok_and(|before| self.newest_version(name).as_ref() != Some(&before))
        {
            history.keep(&before, MODE)?;
        }
        history.keep(text.as_bytes(), MODE)?;
        weir_files::replace(&self.file(name), text.as_bytes(), MODE)?;
        good.insert(name.to_owned(), text.clone());
        let etag = etag(text.as_bytes());
        Ok(Dashboard { name: name.to_owned(), is_shipped: false, text, etag, mistake: None })
    }

    /// Removes the file; its versions stay, and one of that name that is shipped is seen again.
    pub(super) fn remove(&self, name: &str) -> Result<(), Failure> {
        check_name(name)?;
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if weir_files::read_if_there(&self.file(name))?.is_none() {
            return Err(Failure::Unknown(name.to_owned()));
        }
        good.remove(name);
        Ok(weir_files::remove(&self.file(name))?)
    }

    fn newest_version(&self, name: &str) -> Option<String> {
        self.versions(name).ok()?.into_iter().find_map(|version| self.version(name, version).ok())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.json"))
    }

    fn history(&self, name: &str) -> History {
        History { folder: self.path.join("history").join(name), ending: ".json" }
    }
}

impl Dashboard {
    pub(super) fn title(&self) -> String {
        let title = self.inner().and_then(|inner| Some(inner.get("title")?.as_str()?.to_owned()));
        title.filter(|title| !title.is_empty()).unwrap_or_else(|| self.name.clone())
    }

    pub(super) fn tags(&self) -> Vec<String> {
        let tags = self.inner().and_then(|inner| serde_json::from_value(inner.get("tags")?.clone()).ok());
        tags.unwrap_or_default()
    }

    fn inner(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok().map(unwrapped)
    }
}

fn shipped(name: &str) -> Option<Vec<u8>> {
    Shipped::get(&format!("{name}.json")).map(|file| file.data.into_owned())
}

/// What is shown where a file was never good.
const EMPTY: &str = "{\"title\": \"\", \"panels\": []}\n";

fn check_name(name: &str) -> Result<(), Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_name = (1..=80).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_plain);
    if is_name { Ok(()) } else { Err(Failure::Name(name.to_owned())) }
}

/// The text of a dashboard, or what keeps it from being one.
fn check(bytes: &[u8]) -> Result<String, Mistake> {
    let at = |line, column, text: &str| Mistake { file: String::new(), line, column, text: text.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| at(1, 1, "this is not UTF-8"))?;
    let value: Value =
        serde_json::from_str(text).map_err(|error| at(error.line(), error.column(), &error.to_string()))?;
    let inner = unwrapped(value);
    let has = |key: &str| inner.get(key).is_some_and(Value::is_array);
    // Dashboards of Grafana before 5 have rows of panels.
    if has("panels") || has("rows") {
        return Ok(text.to_owned());
    }
    Err(at(1, 1, "a dashboard is an object with a list of panels, as Grafana exports it"))
}

/// Grafana's API wraps what its page exports.
fn unwrapped(mut value: Value) -> Value {
    let inner = value.get_mut("dashboard").filter(|inner| inner.is_object()).map(Value::take);
    inner.unwrap_or(value)
}
