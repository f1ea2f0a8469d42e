//! Writes the texts of one notification.

use std::time::Duration;

use weir_alert::routing::Secret;
use weir_alert::routing::channel::Client;
use weir_alert::template::{Functions, Limits, Templates, Value, World};
use weir_sample::Timestamp;

use super::request::Source;
use crate::keep::Intent;

/// What all requests share.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'s> {
    pub(crate) templates: &'s Templates,
    pub(crate) external_url: &'s str,
}

/// Writes texts of one notification.
pub(super) struct Pen<'p> {
    pub(super) around: Surroundings<'p>,
    pub(super) data: Value,
    /// When the notification was made, so that a repeat says the same.
    pub(super) now: Timestamp,
}

impl Pen<'_> {
    /// A template's text. One that fails gives its fault: an alert that reads badly is better than none.
    pub(super) fn text(&self, template: &str) -> String {
        let made = self.around.templates.text(template, &self.data, &[], self.world(), Limits::default());
        made.unwrap_or_else(|fault| format!("<error expanding template: {fault}>"))
    }

    pub(super) fn html(&self, template: &str) -> String {
        let made = self.around.templates.html(template, &self.data, self.world(), Limits::default());
        made.unwrap_or_else(|fault| format!("&lt;error expanding template: {fault}&gt;"))
    }

    fn world(&self) -> World<'_> {
        let (now, external_url) = (self.now, self.around.external_url);
        World { functions: Functions::Notifications, now, external_url, query: &no_queries }
    }
}

fn no_queries(_: &str) -> Result<Vec<Value>, String> {
    Err("a notification's template asks no queries".into())
}

pub(super) fn source(text: &Secret, file: Option<&String>) -> Source {
    file.map_or_else(|| Source::Text(text.clone()), |file| Source::File(file.clone()))
}

/// Both headers that all channels send.
pub(super) fn headers(intent: &Intent, content_type: &str) -> Vec<(String, Secret)> {
    let header = |name: &str, value: &str| (name.to_owned(), Secret::from(value.to_owned()));
    vec![header("Content-Type", content_type), header("Idempotency-Key", &intent.head.key)]
}

pub(super) fn client(settings: Option<&Client>) -> Client {
    settings.cloned().unwrap_or_default()
}

/// How long an answer may take unless the channel says.
pub(super) fn timeout(settings: Option<Duration>) -> Duration {
    settings.filter(|timeout| !timeout.is_zero()).unwrap_or(Duration::from_secs(30))
}
