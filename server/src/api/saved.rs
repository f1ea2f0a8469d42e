//! Texts that are changed by the API: whoever saves has read what is there, and what was there before is kept.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use weir_files::Error;

use super::auth::refusal;
use crate::clock::now;

/// Texts kept of one that is changed.
pub(super) const MOST_KEPT: usize = 50;

/// A folder of the texts that one has had, each named by the milliseconds in which it was put there.
pub(super) struct History {
    pub folder: PathBuf,
    /// How their names end.
    pub ending: &'static str,
}

impl History {
    /// The times of all of them, newest first.
    pub(super) fn versions(&self) -> Result<Vec<u64>, Error> {
        let files = if self.folder.is_dir() { weir_files::names(&self.folder)? } else { Vec::new() };
        let number = |file: &String| file.strip_suffix(self.ending)?.parse().ok();
        let mut versions: Vec<u64> = files.iter().filter_map(number).collect();
        versions.sort_unstable_by(|one, other| other.cmp(one));
        Ok(versions)
    }

    /// Where the text of a version is.
    pub(super) fn file(&self, version: u64) -> PathBuf {
        self.folder.join(format!("{version}{}", self.ending))
    }

    /// Keeps a text, and lets the oldest go.
    pub(super) fn keep(&self, bytes: &[u8], mode: u32) -> Result<(), Error> {
        weir_files::create_folder(&self.folder)?;
        let versions = self.versions()?;
        let at = u64::try_from(now().millis()).unwrap_or_default();
        let at = versions.first().map_or(at, |newest| at.max(newest + 1));
        weir_files::replace(&self.file(at), bytes, mode)?;
        versions.iter().skip(MOST_KEPT - 1).try_for_each(|old| weir_files::remove(&self.file(*old)))
    }
}

/// Stands for a content.
pub(super) fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What whoever saves has read, as `If-Match` says; nothing where any text may be replaced.
pub(super) fn expected(headers: &HeaderMap) -> Option<String> {
    headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Whether that is what is there.
pub(super) fn is_expected(expected: &str, there: &[u8]) -> bool {
    etag(there) == expected.trim_matches('"')
}

/// Answers where files are read and synced and no other request is held up by it. `refused` tells a failure's status and reason.
pub(super) async fn on_thread<F: std::error::Error + Send + 'static>(
    refused: fn(&F) -> (StatusCode, &'static str),
    answer: impl FnOnce() -> Result<Value, F> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(answer).await {
        Ok(Ok(data)) => Json(json!({ "status": "success", "data": data })).into_response(),
        Ok(Err(failure)) => {
            let (status, reason) = refused(&failure);
            refusal(status, reason, &failure.to_string())
        }
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "file", "the question broke off"),
    }
}
