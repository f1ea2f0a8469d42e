//! How targets and services are asked by HTTP: who asks, and whom it trusts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Settings of an HTTP client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientSettings {
    /// Name and password.
    pub basic_auth: Option<BasicAuth>,
    /// A token, or whatever else the header `Authorization` may have.
    pub authorization: Option<Authorization>,
    /// Whom it trusts.
    pub tls: Tls,
    /// Whether it goes where it is sent.
    pub follow_redirects: bool,
    /// Further headers.
    pub headers: BTreeMap<String, Header>,
}

/// A text that is not shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Secret(pub String);

/// The scheme `Basic`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The name.
    #[serde(default)]
    pub username: String,
    /// A file that has it.
    pub username_file: Option<PathBuf>,
    /// The password.
    pub password: Option<Secret>,
    /// A file that has it, read for each request.
    pub password_file: Option<PathBuf>,
}

/// Any other scheme.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// The scheme, `Bearer` if nothing is said.
    #[serde(default = "bearer", rename = "type")]
    pub kind: String,
    /// What follows it.
    pub credentials: Option<Secret>,
    /// A file that has it, read for each request.
    pub credentials_file: Option<PathBuf>,
}

fn bearer() -> String {
    "Bearer".into()
}

/// Whom a client trusts, and who it says it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Authorities in PEM; none: those that the system trusts.
    pub ca: Option<String>,
    /// A file of them.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate.
    pub cert: Option<String>,
    /// A file that has it.
    pub cert_file: Option<PathBuf>,
    /// The client's key.
    pub key: Option<Secret>,
    /// A file that has it.
    pub key_file: Option<PathBuf>,
    /// The name that a server's certificate has to have, if it is not the address's.
    pub server_name: Option<String>,
    /// Trust anyone.
    pub insecure_skip_verify: bool,
    /// `TLS12` or `TLS13`.
    pub min_version: Option<String>,
    /// The same.
    pub max_version: Option<String>,
}

/// Values of one header.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Header {
    /// As they are.
    pub values: Vec<String>,
    /// The same, not shown.
    pub secrets: Vec<Secret>,
    /// Files that have them.
    pub files: Vec<PathBuf>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl ClientSettings {
    /// Paths are relative to the folder of the file that has them.
    pub fn place_in(&mut self, folder: &Path) {
        let (basic, other, tls) = (self.basic_auth.as_mut(), self.authorization.as_mut(), &mut self.tls);
        let paths = [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file].into_iter();
        let paths =
            paths.chain(basic.into_iter().flat_map(|basic| [&mut basic.username_file, &mut basic.password_file]));
        let paths = paths.chain(other.map(|other| &mut other.credentials_file)).flatten();
        for path in paths.chain(self.headers.values_mut().flat_map(|header| &mut header.files)) {
            *path = folder.join(&*path);
        }
    }

    /// What contradicts itself, as a sentence.
    pub fn fault(&self) -> Option<String> {
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
