//! One notification, one channel: its request.

use weir_alert::routing::channel::{Channel, Kind};
use weir_sample::Timestamp;

use super::data::data;
use super::pen::{Pen, Surroundings};
use super::request::Request;
use super::{email, http, pagerduty, slack, webhook};
use crate::keep::Intent;

/// The request that tells `intent` by `channel`; each call makes the same.
pub(crate) fn request(channel: &Channel, intent: &Intent, around: Surroundings<'_>) -> Request {
    if let Kind::Webhook(settings) = &channel.kind {
        return webhook::request(settings, intent, around.external_url);
    }
    let pen = Pen { around, data: data(intent, around.external_url), now: Timestamp(intent.head.created_ms) };
    match &channel.kind {
        Kind::Webhook(settings) => webhook::request(settings, intent, around.external_url),
        Kind::Email(settings) => email::request(settings, intent, &pen),
        Kind::Slack(settings) => slack::request(settings, intent, &pen),
        Kind::PagerDuty(settings) => pagerduty::request(settings, intent, &pen),
        Kind::Http(settings) => http::request(settings, intent, &pen),
    }
}
