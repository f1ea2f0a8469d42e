//! E-mail.

use weir_alert::routing::Secret;
use weir_alert::routing::channel::Email;

use super::pen::{Pen, source};
use super::request::{Auth, Mail, Request};
use crate::ident::digest;
use crate::keep::Intent;

/// The port that speaks TLS from the first byte on.
const IMPLICIT_TLS_PORT: u16 = 465;

pub(super) fn request(settings: &Email, intent: &Intent, pen: &Pen<'_>) -> Request {
    let smarthost = settings.smarthost.clone().unwrap_or_default();
    let (host, port) = smarthost.rsplit_once(':').unwrap_or((&smarthost, "25"));
    let port = port.parse().unwrap_or(25);
    let from = pen.text(settings.from.as_deref().unwrap_or_default());
    let domain = from.rsplit_once('@').map_or("weir", |(_, domain)| domain.trim_end_matches('>')).to_owned();
    let password = settings.auth_password.clone().unwrap_or_else(|| Secret::from(String::new()));
    let auth = settings.auth_username.as_ref().filter(|name| !name.is_empty()).map(|username| Auth {
        username: username.clone(),
        password: source(&password, settings.auth_password_file.as_ref()),
    });
    let mut headers: Vec<(String, String)> =
        settings.headers.iter().map(|(name, template)| (name.clone(), pen.text(template))).collect();
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Subject")) {
        headers.push(("Subject".into(), pen.text(r#"{{ template "email.default.subject" . }}"#)));
    }
    Request::Mail(Box::new(Mail {
        host: host.to_owned(),
        port,
        implicit_tls: settings.implicit_tls.unwrap_or(port == IMPLICIT_TLS_PORT),
        require_tls: settings.require_tls.unwrap_or(true),
        tls: settings.tls_config.clone().unwrap_or_default(),
        hello: settings.hello.clone(),
        auth,
        to: pen.text(&settings.to),
        message_id: format!("<{}@{domain}>", intent.head.key),
        references: format!("<{}@{domain}>", digest(&intent.head.group_key)),
        date_ms: intent.head.created_ms,
        headers,
        text: if settings.text.is_empty() { String::new() } else { pen.text(&settings.text) },
        html: if settings.html.is_empty() { String::new() } else { pen.html(&settings.html) },
        from,
    }))
}
