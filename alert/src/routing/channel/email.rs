//! E-mail by SMTP.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client::Tls;
use crate::routing::secret::Secret;

/// `email_configs`. What is not given here is taken from `global`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// Whether it hears of what is over. No by default.
    #[serde(default)]
    pub send_resolved: bool,
    /// Addresses, parted by commas; a template.
    #[serde(default)]
    pub to: String,
    /// The sender; a template.
    pub from: Option<String>,
    /// `host:port`. 465 is TLS from the first byte on, any other STARTTLS.
    pub smarthost: Option<String>,
    /// The name that is said in HELO.
    pub hello: Option<String>,
    /// Whom to log in as; nobody by default.
    pub auth_username: Option<String>,
    /// The password.
    pub auth_password: Option<Secret>,
    /// The file that holds the password; read at each send.
    pub auth_password_file: Option<String>,
    /// Read for the file's sake: PLAIN without an identity is spoken.
    pub auth_identity: Option<String>,
    /// Whether mail goes out only over TLS. Yes by default.
    pub require_tls: Option<bool>,
    /// TLS from the first byte on, whatever the port.
    pub implicit_tls: Option<bool>,
    /// Trust.
    pub tls_config: Option<Tls>,
    /// More headers, `Subject` among them; templates.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The HTML part; a template. Empty: none.
    #[serde(default = "html")]
    pub html: String,
    /// The plain part; a template. Empty: none.
    #[serde(default = "text")]
    pub text: String,
}

fn html() -> String {
    r#"{{ template "email.default.html" . }}"#.into()
}

fn text() -> String {
    r#"{{ template "email.default.text" . }}"#.into()
}
