//! Slack, and what takes its incoming webhooks.

use std::time::Duration;

use serde::Deserialize;

use super::client::Client;
use crate::routing::secret::Secret;
use crate::routing::yaml::maybe_span;

/// `slack_configs`. All texts are templates.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slack {
    /// Whether it hears of what is over. No by default.
    pub send_resolved: bool,
    /// The webhook's address; `global.slack_api_url` by default.
    pub api_url: Option<Secret>,
    /// The file that holds it; read at each send.
    pub api_url_file: Option<String>,
    /// Where to, if the webhook leaves it open.
    pub channel: String,
    /// Who says it.
    pub username: String,
    /// The bar's colour.
    pub color: String,
    /// The heading.
    pub title: String,
    /// Where the heading leads.
    pub title_link: String,
    /// Before the attachment.
    pub pretext: String,
    /// The attachment's text.
    pub text: String,
    /// For what shows no attachments.
    pub fallback: String,
    /// A table of names and values.
    pub fields: Vec<SlackField>,
    /// Buttons.
    pub actions: Vec<SlackAction>,
    /// At the foot.
    pub footer: String,
    /// Named in answers of buttons.
    pub callback_id: String,
    /// A picture for the sender.
    pub icon_emoji: String,
    /// The same by address.
    pub icon_url: String,
    /// A picture.
    pub image_url: String,
    /// A small one.
    pub thumb_url: String,
    /// Whether names become links.
    pub link_names: bool,
    /// Whether fields are short unless they say otherwise.
    pub short_fields: bool,
    /// Which texts have markup.
    pub mrkdwn_in: Vec<String>,
    /// How long an answer may take; 0 and none: 30 s.
    #[serde(deserialize_with = "maybe_span")]
    pub timeout: Option<Duration>,
    /// How to speak HTTP; the global one by default.
    pub http_config: Option<Client>,
}

impl Default for Slack {
    fn default() -> Self {
        let named = |part: &str| format!("{{{{ template \"slack.default.{part}\" . }}}}");
        Self {
            send_resolved: false,
            api_url: None,
            api_url_file: None,
            channel: String::new(),
            username: named("username"),
            color: r#"{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}"#.into(),
            title: named("title"),
            title_link: named("titlelink"),
            pretext: named("pretext"),
            text: named("text"),
            fallback: named("fallback"),
            fields: Vec::new(),
            actions: Vec::new(),
            footer: named("footer"),
            callback_id: named("callbackid"),
            icon_emoji: named("iconemoji"),
            icon_url: named("iconurl"),
            image_url: String::new(),
            thumb_url: String::new(),
            link_names: false,
            short_fields: false,
            mrkdwn_in: ["fallback", "pretext", "text"].map(String::from).to_vec(),
            timeout: None,
            http_config: None,
        }
    }
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackField {
    /// The name.
    pub title: String,
    /// The value.
    pub value: String,
    /// Whether two fit in a line.
    pub short: Option<bool>,
}

/// A button that is a link.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackAction {
    /// `button`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What stands on it.
    pub text: String,
    /// Where it leads.
    #[serde(default)]
    pub url: String,
    /// `primary` or `danger`.
    #[serde(default)]
    pub style: String,
    /// Its name in answers.
    #[serde(default)]
    pub name: String,
    /// Its value in answers.
    #[serde(default)]
    pub value: String,
}
