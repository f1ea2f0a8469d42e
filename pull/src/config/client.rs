//! How targets and services are asked by HTTP: who asks, and whom it trusts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Settings of an HTTP client.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ClientSettings {
    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Authorization>,
    pub tls: Tls,
    pub follow_redirects: bool,
    pub headers: BTreeMap<String, Header>,
}

/// A text that is not shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Secret(pub String);

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BasicAuth {
    #[serde(default)]
    pub username: String,
    pub username_file: Option<PathBuf>,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authorization {
    #[serde(default = "bearer", rename = "type")]
    pub kind: String,
    pub credentials: Option<Secret>,
    pub credentials_file: Option<PathBuf>,
}

/// What holds where nothing is said.
pub(super) fn yes() -> bool {
    true
}

fn bearer() -> String {
    "Bearer".into()
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    pub ca: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub cert: Option<String>,
    pub cert_file: Option<PathBuf>,
    pub key: Option<Secret>,
    pub key_file: Option<PathBuf>,
    pub server_name: Option<String>,
    pub insecure_skip_verify: bool,
    pub min_version: Option<String>,
    pub max_version: Option<String>,
}

/// Values of one header.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Header {
    pub values: Vec<String>,
    pub secrets: Vec<Secret>,
    pub files: Vec<PathBuf>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl ClientSettings {
    /// Paths are relative to the folder of the file that has them.
    pub(super) fn place_in(&mut self, folder: &Path) {
        let (basic, other, tls) = (self.basic_auth.as_mut(), self.authorization.as_mut(), &mut self.tls);
        let paths = [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file].into_iter();
        let paths =
            paths.chain(basic.into_iter().flat_map(|basic| [&mut basic.username_file, &mut basic.password_file]));
        let paths = paths.chain(other.map(|other| &mut other.credentials_file)).flatten();
        for path in paths.chain(self.headers.values_mut().flat_map(|header| &mut header.files)) {
            *path = folder.join(&*path);
        }
    }

    /// What contradicts itself.
    pub(super) fn fault(&self) -> Option<String> {
        let both = |a: bool, b: bool, text: &str| (a && b).then(|| text.to_owned());
        let tls = &self.tls;
        both(self.basic_auth.is_some(), self.authorization.is_some(), "basic_auth and authorization exclude each other")
            .or_else(|| both(tls.ca.is_some(), tls.ca_file.is_some(), "ca and ca_file exclude each other"))
            .or_else(|| {
                let (certificate, key) =
                    (tls.cert.is_some() || tls.cert_file.is_some(), tls.key.is_some() || tls.key_file.is_some());
                (certificate != key).then(|| "a client's certificate and its key belong together".to_owned())
            })
            .or_else(|| {
                let known = |version: &Option<String>| {
                    version.as_deref().is_none_or(|version| ["TLS12", "TLS13"].contains(&version))
                };
                (!known(&tls.min_version) || !known(&tls.max_version))
                    .then(|| "TLS is spoken as TLS12 or TLS13, and nothing older".to_owned())
            })
    }
}
