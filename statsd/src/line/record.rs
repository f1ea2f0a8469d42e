//! Events and service checks kept beyond their datagram.

use super::event::{Event, ServiceCheck, Status};
use super::tags::Tags;

/// An [`Event`] of its own; line breaks are no longer escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// The title.
    pub title: String,
    /// The text.
    pub text: String,
    /// Unix seconds, if the client gave them.
    pub timestamp: Option<i64>,
    /// The host it tells of, if the client gave one.
    pub hostname: Option<String>,
    /// `normal` or `low`.
    pub priority: String,
    /// `info`, `success`, `warning` or `error`.
    pub alert_type: String,
    /// Events with one key belong together.
    pub aggregation_key: Option<String>,
    /// The kind of program it came from.
    pub source_type: Option<String>,
    /// Tags as sent.
    pub tags: Vec<(String, String)>,
}

impl From<&Event<'_>> for EventRecord {
    fn from(event: &Event<'_>) -> Self {
        Self {
            title: unescape(event.title()),
            text: unescape(event.text()),
            timestamp: event.timestamp(),
            hostname: event.hostname().map(str::to_owned),
            priority: event.priority().to_owned(),
            alert_type: event.alert_type().to_owned(),
            aggregation_key: event.aggregation_key().map(str::to_owned),
            source_type: event.source_type().map(str::to_owned),
            tags: owned(event.tags()),
        }
    }
}

/// A [`ServiceCheck`] of its own; line breaks are no longer escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRecord {
    /// The check's name.
    pub name: String,
    /// What it found.
    pub status: Status,
    /// Unix seconds, if the client gave them.
    pub timestamp: Option<i64>,
    /// The host it tells of, if the client gave one.
    pub hostname: Option<String>,
    /// What it says.
    pub message: String,
    /// Tags as sent.
    pub tags: Vec<(String, String)>,
}

impl From<&ServiceCheck<'_>> for CheckRecord {
    fn from(check: &ServiceCheck<'_>) -> Self {
        Self {
            name: check.name().to_owned(),
            status: check.status(),
            timestamp: check.timestamp(),
            hostname: check.hostname().map(str::to_owned),
            message: unescape(check.message()),
            tags: owned(check.tags()),
        }
    }
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

fn owned(tags: Tags<'_>) -> Vec<(String, String)> {
    tags.map(|tag| (tag.name.to_owned(), tag.value.to_owned())).collect()
}
