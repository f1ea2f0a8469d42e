//! A webhook: Alertmanager's JSON, version 4.

use std::time::Duration;

use serde::Deserialize;

use super::client::Client;
use crate::routing::secret::Secret;
use crate::routing::yaml::{maybe_span, yes};

/// `webhook_configs`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Whether it hears of what is over. Yes by default.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Where to.
    #[serde(default)]
    pub url: Secret,
    /// The file that holds the address; read at each send.
    pub url_file: Option<String>,
    /// More alerts than this are left out of the body. 0: none are.
    #[serde(default)]
    pub max_alerts: usize,
    /// How long an answer may take; 0 and none: 30 s.
    #[serde(default, deserialize_with = "maybe_span")]
    pub timeout: Option<Duration>,
    /// How to speak HTTP; the global one by default.
    pub http_config: Option<Client>,
}
