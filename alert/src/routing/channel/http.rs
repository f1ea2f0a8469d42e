//! Any service that is told by one HTTP request.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::client::Client;
use crate::routing::secret::Secret;
use crate::routing::yaml::{maybe_span, yes};

/// `http_configs`, Weir's own: URL, headers and body are templates.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpChannel {
    /// Whether it hears of what is over. Yes by default.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Where to.
    #[serde(default)]
    pub url: Secret,
    /// The file that holds the address; read at each send.
    pub url_file: Option<String>,
    /// `POST` by default.
    #[serde(default = "post")]
    pub method: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// The body; empty by default.
    #[serde(default)]
    pub body: String,
    /// Answers that mean it was told. Empty: 200 to 299.
    #[serde(default)]
    pub success_codes: Vec<u16>,
    /// Answers after which it is tried again. Empty: 408, 425, 429 and 500 to 599.
    #[serde(default)]
    pub retry_codes: Vec<u16>,
    /// How long an answer may take; 0 and none: 30 s.
    #[serde(default, deserialize_with = "maybe_span")]
    pub timeout: Option<Duration>,
    /// How to speak HTTP; the global one by default.
    pub http_config: Option<Client>,
}

fn post() -> String {
    "POST".into()
}
