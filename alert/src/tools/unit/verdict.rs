//! What tests came to, and the times that they name.

use std::time::Duration;

use crate::duration::duration;

/// What a file of tests came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What was not as expected; nothing if all was.
    pub failures: Vec<String>,
    /// Alerts and expressions that were looked at.
    pub checks: usize,
}

pub(super) fn span(text: Option<&str>) -> Result<Option<Duration>, String> {
    text.map(duration).transpose()
}

/// Milliseconds after the start of a test; the start itself if nothing is said.
pub(super) fn time_of(text: Option<&str>) -> Result<i64, String> {
    Ok(span(text)?.unwrap_or_default().as_millis() as i64)
}
