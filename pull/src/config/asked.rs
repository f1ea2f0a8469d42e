//! Settings of a place that is asked by HTTP: its own, and those of the client that asks, which stand beside them.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::yes;
use weir_fetch::{Authorization, BasicAuth, ClientSettings, Header, Tls};

/// A place's own settings, and its client's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
#[serde(bound = "T: DeserializeOwned")]
pub(crate) struct Asked<T> {
    pub own: T,
    pub client: ClientSettings,
    /// Keys that Prometheus knows and that have no effect.
    pub without_effect: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    basic_auth: Option<BasicAuth>,
    authorization: Option<Authorization>,
    #[serde(default)]
    tls_config: Tls,
    #[serde(default = "yes")]
    follow_redirects: bool,
    #[serde(default)]
    http_headers: std::collections::BTreeMap<String, Header>,
}

const OF_CLIENT: [&str; 5] = ["basic_auth", "authorization", "tls_config", "follow_redirects", "http_headers"];
const WITHOUT_EFFECT: [&str; 8] = [
    "oauth2",
    "proxy_url",
    "proxy_connect_header",
    "no_proxy",
    "proxy_from_environment",
    "enable_http2",
    "bearer_token",
    "bearer_token_file",
];

impl<T: DeserializeOwned> TryFrom<Value> for Asked<T> {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let Value::Object(mut own) = value else { return Err("its settings are keys and values".into()) };
        let mut client = Map::new();
        for key in OF_CLIENT {
            client.extend(own.remove(key).map(|value| (key.to_owned(), value)));
        }
        let without_effect =
            WITHOUT_EFFECT.into_iter().filter(|key| own.remove(*key).is_some()).map(str::to_owned).collect();
        let own = serde_json::from_value(Value::Object(own)).map_err(|error| error.to_string())?;
        let written: Written = serde_json::from_value(Value::Object(client)).map_err(|error| error.to_string())?;
        let client = ClientSettings {
            basic_auth: written.basic_auth,
            authorization: written.authorization,
            tls: written.tls_config,
            follow_redirects: written.follow_redirects,
            headers: written.http_headers,
        };
        match client.fault() {
            Some(fault) => Err(fault),
            None => Ok(Self { own, client, without_effect }),
        }
    }
}
