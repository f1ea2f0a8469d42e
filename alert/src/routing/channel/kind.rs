//! A receiver, and its channels of all kinds as one list.

use super::email::Email;
use super::http::HttpChannel;
use super::pagerduty::PagerDuty;
use super::slack::Slack;
use super::webhook::Webhook;

/// Who is told, by any number of channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// All of them are told.
    pub channels: Vec<Channel>,
}

/// One way to tell one receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// `webhook[0]`: kind and place in the file, as in Alertmanager.
    pub name: String,
    /// Whether it hears of what is over.
    pub send_resolved: bool,
    /// Its settings.
    pub kind: Kind,
}

/// Settings by kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Alertmanager's JSON.
    Webhook(Box<Webhook>),
    /// Mail.
    Email(Box<Email>),
    /// Slack.
    Slack(Box<Slack>),
    /// PagerDuty.
    PagerDuty(Box<PagerDuty>),
    /// Any HTTP.
    Http(Box<HttpChannel>),
}
