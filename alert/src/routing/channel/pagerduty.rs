//! PagerDuty's Events API, version 2.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::client::Client;
use crate::routing::secret::Secret;
use crate::routing::yaml::maybe_span;

/// `pagerduty_configs`. All texts are templates.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PagerDuty {
    /// Whether it hears of what is over. Yes by default.
    pub send_resolved: bool,
    /// The integration's key.
    pub routing_key: Secret,
    /// The file that holds it; read at each send.
    pub routing_key_file: Option<String>,
    /// Where to; `global.pagerduty_url` by default.
    pub url: Option<String>,
    /// Who tells.
    pub client: String,
    /// Where it is found.
    pub client_url: String,
    /// The summary.
    pub description: String,
    /// `critical`, `error`, `warning` or `info`.
    pub severity: String,
    /// What is affected; `client` by default.
    pub source: String,
    /// The kind of event.
    pub class: String,
    /// The part that is affected.
    pub component: String,
    /// What it belongs to.
    pub group: String,
    /// More, by name.
    pub details: BTreeMap<String, String>,
    /// Pictures.
    pub images: Vec<PagerDutyImage>,
    /// Links.
    pub links: Vec<PagerDutyLink>,
    /// How long an answer may take; 0 and none: 30 s.
    #[serde(deserialize_with = "maybe_span")]
    pub timeout: Option<Duration>,
    /// How to speak HTTP; the global one by default.
    pub http_config: Option<Client>,
}

impl Default for PagerDuty {
    fn default() -> Self {
        let named = |part: &str| format!("{{{{ template \"pagerduty.default.{part}\" . }}}}");
        let details = [
            ("firing", r#"{{ template "pagerduty.default.instances" .Alerts.Firing }}"#),
            ("resolved", r#"{{ template "pagerduty.default.instances" .Alerts.Resolved }}"#),
            ("num_firing", "{{ .Alerts.Firing | len }}"),
            ("num_resolved", "{{ .Alerts.Resolved | len }}"),
        ];
        Self {
            send_resolved: true,
            routing_key: Secret::default(),
            routing_key_file: None,
            url: None,
            client: named("client"),
            client_url: named("clientURL"),
            description: named("description"),
            severity: "error".into(),
            source: String::new(),
            class: String::new(),
            component: String::new(),
            group: String::new(),
            details: details.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            images: Vec::new(),
            links: Vec::new(),
            timeout: None,
            http_config: None,
        }
    }
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PagerDutyImage {
    /// Its address.
    pub src: String,
    /// Where it leads.
    pub href: String,
    /// In words.
    pub alt: String,
}

/// A link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PagerDutyLink {
    /// Where it leads.
    pub href: String,
    /// In words.
    pub text: String,
}
