//! Channels: by which way and with which settings a receiver is told.

mod client;
mod email;
mod http;
mod kind;
mod pagerduty;
mod slack;
mod webhook;

pub use client::{Authorization, BasicAuth, Client, HeaderValues, Tls};
pub use email::Email;
pub use http::HttpChannel;
pub use kind::{Channel, Kind, Receiver};
pub use pagerduty::{PagerDuty, PagerDutyImage, PagerDutyLink};
pub use slack::{Slack, SlackAction, SlackField};
pub use webhook::Webhook;
