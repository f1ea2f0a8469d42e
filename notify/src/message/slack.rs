//! Slack's incoming webhooks.

use serde_json::{Map, Value, json};
use weir_alert::routing::channel::Slack;

use super::pen::{Pen, client, headers, source, timeout};
use super::request::{Codes, HttpRequest, Request};
use crate::keep::Intent;

/// Slack cuts longer titles itself, but not all services that speak like it do.
const LONGEST_TITLE: usize = 1024;

pub(super) fn request(settings: &Slack, intent: &Intent, pen: &Pen<'_>) -> Request {
    let attachment = filled(vec![
        ("color", pen.text(&settings.color)),
        ("title", pen.text(&settings.title).chars().take(LONGEST_TITLE).collect()),
        ("title_link", pen.text(&settings.title_link)),
        ("pretext", pen.text(&settings.pretext)),
        ("text", pen.text(&settings.text)),
        ("fallback", pen.text(&settings.fallback)),
        ("callback_id", pen.text(&settings.callback_id)),
        ("image_url", pen.text(&settings.image_url)),
        ("thumb_url", pen.text(&settings.thumb_url)),
        ("footer", pen.text(&settings.footer)),
    ]);
    let mut attachment = attachment;
    attachment.insert("mrkdwn_in".into(), json!(settings.mrkdwn_in));
    if !settings.fields.is_empty() {
        let short = |field: Option<bool>| field.unwrap_or(settings.short_fields);
        let fields = settings.fields.iter().map(
            |field| json!({"title": pen.text(&field.title), "value": pen.text(&field.value), "short": short(field.short)}),
        );
        attachment.insert("fields".into(), fields.collect());
    }
    if !settings.actions.is_empty() {
        let action = |text: &String| pen.text(text);
        let actions = settings.actions.iter().map(|one| {
            Value::Object(filled(vec![
                ("type", action(&one.kind)),
                ("text", action(&one.text)),
                ("url", action(&one.url)),
                ("style", action(&one.style)),
                ("name", action(&one.name)),
                ("value", action(&one.value)),
            ]))
        });
        attachment.insert("actions".into(), actions.collect());
    }
    let mut message = filled(vec![
        ("channel", pen.text(&settings.channel)),
        ("username", pen.text(&settings.username)),
        ("icon_emoji", pen.text(&settings.icon_emoji)),
        ("icon_url", pen.text(&settings.icon_url)),
    ]);
    message.insert("attachments".into(), json!([attachment]));
    if settings.link_names {
        message.insert("link_names".into(), json!(true));
    }
    Request::Http(Box::new(HttpRequest {
        method: "POST".into(),
        url: source(&settings.api_url.clone().unwrap_or_default(), settings.api_url_file.as_ref()),
        headers: headers(intent, "application/json"),
        body: Value::Object(message).to_string().into_bytes(),
        body_secret: None,
        codes: Codes::default(),
        timeout: timeout(settings.timeout),
        client: client(settings.http_config.as_ref()),
    }))
}

/// Only what is not empty.
fn filled(texts: Vec<(&str, String)>) -> Map<String, Value> {
    texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), text.into())).collect()
}
