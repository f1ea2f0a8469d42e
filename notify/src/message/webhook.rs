//! Alertmanager's webhook, version 4.

use serde_json::{Value, json};
use weir_alert::event::{Event, Status};
use weir_alert::routing::channel::Webhook;
use weir_alert::template::Moment;
use weir_sample::Timestamp;

use super::data::status;
use super::pen::{client, headers, source, timeout};
use super::request::{Codes, HttpRequest, Request};
use crate::keep::Intent;

pub(super) fn request(settings: &Webhook, intent: &Intent, external_url: &str) -> Request {
    Request::Http(Box::new(HttpRequest {
        method: "POST".into(),
        url: source(&settings.url, settings.url_file.as_ref()),
        headers: headers(intent, "application/json"),
        body: body(intent, settings.max_alerts, external_url),
        body_secret: None,
        codes: Codes::default(),
        timeout: timeout(settings.timeout),
        client: client(settings.http_config.as_ref()),
    }))
}

/// Written alert by alert: all of a hundred thousand as one tree would take more memory than the notifier has.
fn body(intent: &Intent, max_alerts: usize, external_url: &str) -> Vec<u8> {
    let head = &intent.head;
    let most = if max_alerts == 0 { usize::MAX } else { max_alerts };
    let mut body = Vec::with_capacity(intent.lines.len() + 1024);
    body.extend(b"{\"receiver\":");
    body.extend(json!(head.receiver).to_string().bytes());
    body.extend(format!(",\"status\":\"{}\",\"alerts\":[", status(head.is_firing)).bytes());
    for (at, event) in intent.events().take(most).enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend(alert(&event).to_string().bytes());
    }
    body.extend(b"],");
    let rest = json!({
        "notification_reason": head.reason,
        "groupLabels": head.group_labels,
        "commonLabels": head.common_labels,
        "commonAnnotations": head.common_annotations,
        "externalURL": external_url,
        "version": "4",
        "groupKey": head.group_key,
        "truncatedAlerts": head.alerts.saturating_sub(most),
    });
    body.extend(rest.to_string().bytes().skip(1));
    body
}

fn alert(event: &Event) -> Value {
    let fires = event.status == Status::Firing;
    let time = |moment: Moment| moment.format("2006-01-02T15:04:05.999999999Z07:00");
    json!({
        "status": status(fires),
        "labels": event.labels,
        "annotations": event.annotations,
        "startsAt": time(Moment::utc(Timestamp(event.starts_at_ms))),
        "endsAt": time(if fires { Moment::zero() } else { Moment::utc(Timestamp(event.ends_at_ms)) }),
        "generatorURL": event.generator_url,
        "fingerprint": format!("{:016x}", event.fingerprint()),
    })
}
