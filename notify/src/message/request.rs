//! What a channel is to send: all but the secrets in files, which are read at each try.

use std::time::Duration;

use weir_alert::routing::Secret;
use weir_alert::routing::channel::{Client, Tls};

/// A secret, or the file that holds it.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The text itself.
    Text(Secret),
    /// A file; white space around is cut.
    File(String),
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// By HTTP.
    Http(Box<HttpRequest>),
    /// By SMTP.
    Mail(Box<Mail>),
}

/// An HTTP request and what answers mean.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRequest {
    /// `POST`
    pub method: String,
    /// Where to.
    pub url: Source,
    /// Names and values; secrets among them.
    pub headers: Vec<(String, Secret)>,
    /// The body. Where it holds [`HttpRequest::SECRET_MARK`], the secret of that field is put in.
    pub body: Vec<u8>,
    /// A secret that belongs into the body.
    pub body_secret: Option<Source>,
    /// What answers mean.
    pub codes: Codes,
    /// How long it may take.
    pub timeout: Duration,
    /// How to speak.
    pub client: Client,
}

impl HttpRequest {
    /// Stands in the body for the secret.
    pub const SECRET_MARK: &'static str = "__secret_of_this_request__";
}

/// What an HTTP status means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// It was told. Empty: 200 to 299.
    pub success: Vec<u16>,
    /// To be tried again. Empty: 408, 425, 429 and 500 to 599.
    pub retry: Vec<u16>,
}

impl Codes {
    /// Whether it was told.
    pub fn is_success(&self, status: u16) -> bool {
        if self.success.is_empty() { (200..300).contains(&status) } else { self.success.contains(&status) }
    }

    /// Whether it is worth another try.
    pub fn is_retry(&self, status: u16) -> bool {
        let usual = matches!(status, 408 | 425 | 429 | 500..=599);
        if self.retry.is_empty() { usual } else { self.retry.contains(&status) }
    }
}

/// How to log in.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// As whom.
    pub username: String,
    /// With what.
    pub password: Source,
}

/// A mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// Where to.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// TLS from the first byte on.
    pub implicit_tls: bool,
    /// Whether it is sent only over TLS.
    pub require_tls: bool,
    /// Trust.
    pub tls: Tls,
    /// The name that is said in HELO.
    pub hello: Option<String>,
    /// How to log in, if at all.
    pub auth: Option<Auth>,
    /// The sender.
    pub from: String,
    /// Addresses, parted by commas.
    pub to: String,
    /// `Message-ID`, the same at each try.
    pub message_id: String,
    /// `References`: the same for all mails of a group.
    pub references: String,
    /// `Date`.
    pub date_ms: i64,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The plain part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}
