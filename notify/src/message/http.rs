//! Any service that is told by one HTTP request.

use weir_alert::routing::Secret;
use weir_alert::routing::channel::HttpChannel;

use super::pen::{Pen, client, headers, source, timeout};
use super::request::{Codes, HttpRequest, Request, Source};
use crate::keep::Intent;

pub(super) fn request(settings: &HttpChannel, intent: &Intent, pen: &Pen<'_>) -> Request {
    let url = match source(&settings.url, settings.url_file.as_ref()) {
        Source::Text(url) => Source::Text(Secret::from(pen.text(url.reveal()))),
        file => file,
    };
    let own = settings.headers.iter().map(|(name, value)| (name.clone(), Secret::from(pen.text(value.reveal()))));
    let mut all = headers(intent, "application/json");
    all.retain(|(name, _)| !settings.headers.keys().any(|own| own.eq_ignore_ascii_case(name)));
    all.extend(own);
    Request::Http(Box::new(HttpRequest {
        method: settings.method.clone(),
        url,
        headers: all,
        body: pen.text(&settings.body).into_bytes(),
        body_secret: None,
        codes: Codes { success: settings.success_codes.clone(), retry: settings.retry_codes.clone() },
        timeout: timeout(settings.timeout),
        client: client(settings.http_config.as_ref()),
    }))
}
