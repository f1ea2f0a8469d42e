//! Receivers: each channel gets what it does not say from `global`, and must then have all that it needs.

use serde_saphyr::Spanned;

use super::channel::{Channel, Email, HttpChannel, Kind, PagerDuty, Receiver, Slack, Webhook};
use super::document::{Global, ReceiverText};
use super::fault::Faults;
use super::secret::Secret;

pub(super) fn settle(text: &ReceiverText, global: &Global, faults: &mut Faults<'_>) -> Receiver {
    let mut channels = Vec::new();
    for config in &text.webhook_configs {
        tell(config, webhook_fault(&config.value), faults);
        push(
            &mut channels,
            "webhook",
            config.value.send_resolved,
            Kind::Webhook(Box::new(webhook(&config.value, global))),
        );
    }
    for config in &text.email_configs {
        let settled = email(&config.value, global);
        tell(config, email_fault(&settled), faults);
        push(&mut channels, "email", settled.send_resolved, Kind::Email(Box::new(settled)));
    }
    for config in &text.slack_configs {
        let settled = slack(&config.value, global);
        let unset = settled.api_url.is_none() && settled.api_url_file.is_none();
        tell(config, unset.then_some("slack needs an api_url, here or as global.slack_api_url"), faults);
        push(&mut channels, "slack", settled.send_resolved, Kind::Slack(Box::new(settled)));
    }
    for config in &text.pagerduty_configs {
        let settled = pagerduty(&config.value, global);
        tell(config, key_fault(&settled.routing_key, settled.routing_key_file.as_deref()), faults);
        push(&mut channels, "pagerduty", settled.send_resolved, Kind::PagerDuty(Box::new(settled)));
    }
    for config in &text.http_configs {
        tell(config, http_fault(&config.value), faults);
        push(&mut channels, "http", config.value.send_resolved, Kind::Http(Box::new(http(&config.value, global))));
    }
    Receiver { name: text.name.value.clone(), channels }
}

fn push(channels: &mut Vec<Channel>, kind_name: &str, send_resolved: bool, kind: Kind) {
    let of_kind = channels.iter().filter(|channel| channel.name.starts_with(&format!("{kind_name}["))).count();
    channels.push(Channel { name: format!("{kind_name}[{of_kind}]"), send_resolved, kind });
}

fn tell<T>(place: &Spanned<T>, fault: Option<&str>, faults: &mut Faults<'_>) {
    if let Some(fault) = fault {
        faults.on(place, fault);
    }
}

fn webhook(config: &Webhook, global: &Global) -> Webhook {
    Webhook { http_config: config.http_config.clone().or_else(|| global.http_config.clone()), ..config.clone() }
}

fn http(config: &HttpChannel, global: &Global) -> HttpChannel {
    HttpChannel { http_config: config.http_config.clone().or_else(|| global.http_config.clone()), ..config.clone() }
}

fn slack(config: &Slack, global: &Global) -> Slack {
    let own = config.api_url.is_some() || config.api_url_file.is_some();
    Slack {
        api_url: if own { config.api_url.clone() } else { global.slack_api_url.clone() },
        api_url_file: if own { config.api_url_file.clone() } else { global.slack_api_url_file.clone() },
        http_config: config.http_config.clone().or_else(|| global.http_config.clone()),
        ..config.clone()
    }
}

fn pagerduty(config: &PagerDuty, global: &Global) -> PagerDuty {
    PagerDuty {
        url: config.url.clone().or_else(|| Some(global.pagerduty_url.clone())),
        source: if config.source.is_empty() { config.client.clone() } else { config.source.clone() },
        http_config: config.http_config.clone().or_else(|| global.http_config.clone()),
        ..config.clone()
    }
}

fn email(config: &Email, global: &Global) -> Email {
    let own_password = config.auth_password.is_some() || config.auth_password_file.is_some();
    let (password, file) = if own_password {
        (config.auth_password.clone(), config.auth_password_file.clone())
    } else {
        (global.smtp_auth_password.clone(), global.smtp_auth_password_file.clone())
    };
    Email {
        from: config.from.clone().or_else(|| global.smtp_from.clone()),
        smarthost: config.smarthost.clone().or_else(|| global.smtp_smarthost.clone()),
        hello: config.hello.clone().or_else(|| global.smtp_hello.clone()),
        auth_username: config.auth_username.clone().or_else(|| global.smtp_auth_username.clone()),
        auth_password: password,
        auth_password_file: file,
        auth_identity: config.auth_identity.clone().or_else(|| global.smtp_auth_identity.clone()),
        require_tls: config.require_tls.or(global.smtp_require_tls),
        tls_config: config.tls_config.clone().or_else(|| global.smtp_tls_config.clone()),
        ..config.clone()
    }
}

fn email_fault(config: &Email) -> Option<&'static str> {
    let port = |host: &String| {
        host.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    match config {
        Email { to, .. } if to.trim().is_empty() => Some("an e-mail needs a `to`"),
        Email { from: None, .. } => Some("an e-mail needs a `from`, here or as global.smtp_from"),
        Email { smarthost: None, .. } => Some("an e-mail needs a `smarthost`, here or as global.smtp_smarthost"),
        Email { smarthost: Some(host), .. } if !port(host) => Some("smarthost must be host:port"),
        Email { auth_password: Some(_), auth_password_file: Some(_), .. } => {
            Some("only one of auth_password and auth_password_file")
        }
        _ => None,
    }
}

fn webhook_fault(config: &Webhook) -> Option<&'static str> {
    url_fault(&config.url, config.url_file.as_deref())
}

fn http_fault(config: &HttpChannel) -> Option<&'static str> {
    if !matches!(config.method.as_str(), "POST" | "PUT" | "PATCH" | "GET" | "DELETE") {
        return Some("method must be POST, PUT, PATCH, GET or DELETE");
    }
    url_fault(&config.url, config.url_file.as_deref())
}

fn url_fault(url: &Secret, file: Option<&str>) -> Option<&'static str> {
    let url = url.reveal();
    match (url.is_empty(), file) {
        (true, None) => Some("one of url and url_file must be given"),
        (false, Some(_)) => Some("only one of url and url_file can be given"),
        (false, None) if !["http://", "https://", "{{"].iter().any(|start| url.starts_with(start)) => {
            Some("the url must begin with http:// or https://")
        }
        _ => None,
    }
}

fn key_fault(key: &Secret, file: Option<&str>) -> Option<&'static str> {
    match (key.reveal().is_empty(), file) {
        (true, None) => Some("pagerduty needs a routing_key or routing_key_file (of the Events API v2)"),
        (false, Some(_)) => Some("only one of routing_key and routing_key_file can be given"),
        _ => None,
    }
}
