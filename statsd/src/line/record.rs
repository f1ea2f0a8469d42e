//! Events and service checks kept beyond their datagram.

use weir_sample::EventKind;

use super::event::{Event, ServiceCheck};
use super::tags::Tags;

/// Line breaks are no longer escaped in it.
impl From<&Event<'_>> for weir_sample::Event {
    fn from(event: &Event<'_>) -> Self {
        let (priority, alert_type) = (event.priority().to_owned(), event.alert_type().to_owned());
        Self {
            kind: EventKind::Event { priority, alert_type },
            title: unescape(event.title()),
            text: unescape(event.text()),
            at: event.timestamp(),
            host: event.hostname().map(str::to_owned),
            source: event.source_type().map(str::to_owned),
            aggregation_key: event.aggregation_key().map(str::to_owned),
            tags: owned(event.tags()),
            is_cut: false,
        }
    }
}

/// Line breaks are no longer escaped in it.
impl From<&ServiceCheck<'_>> for weir_sample::Event {
    fn from(check: &ServiceCheck<'_>) -> Self {
        Self {
            kind: EventKind::Check(check.status()),
            title: check.name().to_owned(),
            text: unescape(check.message()),
            at: check.timestamp(),
            host: check.hostname().map(str::to_owned),
            source: None,
            aggregation_key: None,
            tags: owned(check.tags()),
            is_cut: false,
        }
    }
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

fn owned(tags: Tags<'_>) -> Vec<(String, String)> {
    tags.map(|tag| (tag.name.to_owned(), tag.value.to_owned())).collect()
}
