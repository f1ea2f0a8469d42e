//! PagerDuty's Events API, version 2.

use serde_json::{Map, Value, json};
use weir_alert::routing::channel::PagerDuty;

use super::pen::{Pen, client, headers, source, timeout};
use super::request::{Codes, HttpRequest, Request};
use crate::ident::digest;
use crate::keep::Intent;

/// PagerDuty refuses longer summaries.
const LONGEST_SUMMARY: usize = 1024;

pub(super) fn request(settings: &PagerDuty, intent: &Intent, pen: &Pen<'_>) -> Request {
    let action = if intent.head.is_firing { "trigger" } else { "resolve" };
    let details: Map<String, Value> =
        settings.details.iter().map(|(name, template)| (name.clone(), pen.text(template).into())).collect();
    let mut payload = json!({
        "summary": pen.text(&settings.description).chars().take(LONGEST_SUMMARY).collect::<String>(),
        "source": pen.text(&settings.source),
        "severity": pen.text(&settings.severity),
        "custom_details": details,
    });
    for (name, template) in [("class", &settings.class), ("component", &settings.component), ("group", &settings.group)]
    {
        if !template.is_empty() {
            payload[name] = pen.text(template).into();
        }
    }
    let images = settings
        .images
        .iter()
        .map(|image| json!({"src": pen.text(&image.src), "href": pen.text(&image.href), "alt": pen.text(&image.alt)}));
    let links = settings.links.iter().map(|link| json!({"href": pen.text(&link.href), "text": pen.text(&link.text)}));
    let message = json!({
        "routing_key": HttpRequest::SECRET_MARK,
        "event_action": action,
        "dedup_key": digest(&intent.head.group_key),
        "client": pen.text(&settings.client),
        "client_url": pen.text(&settings.client_url),
        "payload": payload,
        "images": images.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
    });
    Request::Http(Box::new(HttpRequest {
        method: "POST".into(),
        url: source(&settings.url.clone().unwrap_or_default().into(), None),
        headers: headers(intent, "application/json"),
        body: message.to_string().into_bytes(),
        body_secret: Some(source(&settings.routing_key, settings.routing_key_file.as_ref())),
        codes: Codes::default(),
        timeout: timeout(settings.timeout),
        client: client(settings.http_config.as_ref()),
    }))
}
