//! The file as written, before anything is checked.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::channel::{Client, Email, HttpChannel, PagerDuty, Slack, Tls, Webhook};
use super::intervals::NamedIntervals;
use super::secret::Secret;
use super::yaml::{maybe_span, span};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(default)]
    pub(super) global: Global,
    pub(super) route: Option<Spanned<RouteText>>,
    #[serde(default)]
    pub(super) receivers: Vec<Spanned<ReceiverText>>,
    #[serde(default)]
    pub(super) inhibit_rules: Vec<Spanned<InhibitText>>,
    #[serde(default)]
    pub(super) mute_time_intervals: Vec<NamedIntervals>,
    #[serde(default)]
    pub(super) time_intervals: Vec<NamedIntervals>,
    #[serde(default)]
    pub(super) templates: Vec<Spanned<String>>,
}

/// What channels take where they say nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Global {
    #[serde(deserialize_with = "span")]
    pub(super) resolve_timeout: Duration,
    pub(super) http_config: Option<Client>,
    pub(super) smtp_from: Option<String>,
    pub(super) smtp_hello: Option<String>,
    pub(super) smtp_smarthost: Option<String>,
    pub(super) smtp_auth_username: Option<String>,
    pub(super) smtp_auth_password: Option<Secret>,
    pub(super) smtp_auth_password_file: Option<String>,
    pub(super) smtp_auth_identity: Option<String>,
    pub(super) smtp_require_tls: Option<bool>,
    pub(super) smtp_tls_config: Option<Tls>,
    pub(super) slack_api_url: Option<Secret>,
    pub(super) slack_api_url_file: Option<String>,
    pub(super) pagerduty_url: String,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            resolve_timeout: Duration::from_secs(300),
            http_config: None,
            smtp_from: None,
            smtp_hello: None,
            smtp_smarthost: None,
            smtp_auth_username: None,
            smtp_auth_password: None,
            smtp_auth_password_file: None,
            smtp_auth_identity: None,
            smtp_require_tls: None,
            smtp_tls_config: None,
            slack_api_url: None,
            slack_api_url_file: None,
            pagerduty_url: "https://events.pagerduty.com/v2/enqueue".into(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteText {
    pub(super) receiver: Option<Spanned<String>>,
    pub(super) group_by: Option<Vec<Spanned<String>>>,
    #[serde(default, deserialize_with = "maybe_span")]
    pub(super) group_wait: Option<Duration>,
    #[serde(default, deserialize_with = "maybe_span")]
    pub(super) group_interval: Option<Duration>,
    #[serde(default, deserialize_with = "maybe_span")]
    pub(super) repeat_interval: Option<Duration>,
    #[serde(default, rename = "match")]
    pub(super) equal: BTreeMap<String, Spanned<String>>,
    #[serde(default, rename = "match_re")]
    pub(super) regex: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) matchers: Vec<Spanned<String>>,
    #[serde(default, rename = "continue")]
    pub(super) goes_on: bool,
    #[serde(default)]
    pub(super) mute_time_intervals: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) active_time_intervals: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) routes: Vec<Spanned<RouteText>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InhibitText {
    #[serde(default)]
    pub(super) source_match: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) source_match_re: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) source_matchers: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) target_match: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) target_match_re: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) target_matchers: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) equal: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiverText {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) webhook_configs: Vec<Spanned<Webhook>>,
    #[serde(default)]
    pub(super) email_configs: Vec<Spanned<Email>>,
    #[serde(default)]
    pub(super) slack_configs: Vec<Spanned<Slack>>,
    #[serde(default)]
    pub(super) pagerduty_configs: Vec<Spanned<PagerDuty>>,
    #[serde(default)]
    pub(super) http_configs: Vec<Spanned<HttpChannel>>,
}
