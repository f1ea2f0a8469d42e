//! How a channel speaks HTTP and TLS: Prometheus' `http_config`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::routing::secret::Secret;
use crate::routing::yaml::yes;

/// `http_config`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// A name and a password.
    pub basic_auth: Option<BasicAuth>,
    /// Another kind of header `Authorization`.
    pub authorization: Option<Authorization>,
    /// Trust and own certificate.
    #[serde(default)]
    pub tls_config: Tls,
    /// Whether redirects are followed. Yes by default.
    #[serde(default = "yes")]
    pub follow_redirects: bool,
    /// Read for the file's sake; HTTP/1.1 is spoken.
    #[serde(default)]
    pub enable_http2: bool,
    /// A proxy to go through.
    pub proxy_url: Option<String>,
    /// More headers.
    #[serde(default)]
    pub http_headers: BTreeMap<String, HeaderValues>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            basic_auth: None,
            authorization: None,
            tls_config: Tls::default(),
            follow_redirects: true,
            enable_http2: false,
            proxy_url: None,
            http_headers: BTreeMap::new(),
        }
    }
}

/// `basic_auth`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The name.
    #[serde(default)]
    pub username: String,
    /// The password.
    #[serde(default)]
    pub password: Secret,
    /// The file that holds the password; read at each send.
    pub password_file: Option<String>,
}

/// `authorization`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// `Bearer` by default.
    #[serde(default = "bearer", rename = "type")]
    pub kind: String,
    /// What follows.
    #[serde(default)]
    pub credentials: Secret,
    /// The file that holds it; read at each send.
    pub credentials_file: Option<String>,
}

fn bearer() -> String {
    "Bearer".into()
}

/// Values of one header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderValues {
    /// In the open.
    pub values: Vec<String>,
    /// Not to be shown.
    pub secrets: Vec<Secret>,
    /// Files that hold values; read at each send.
    pub files: Vec<String>,
}

/// `tls_config`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificates that are trusted in place of the system's.
    pub ca_file: Option<String>,
    /// The own certificate.
    pub cert_file: Option<String>,
    /// Its key.
    pub key_file: Option<String>,
    /// Whether any certificate will do.
    pub insecure_skip_verify: bool,
}
