//! Why a target or a service could not be asked.

use std::time::Duration;

/// Why there is no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Not a URL of HTTP.
    #[error("{0} is no address to ask")]
    Address(String),
    /// Nobody answers there, or the connection broke.
    #[error("cannot be reached: {0}")]
    Connection(std::io::Error),
    /// It is not trusted, or does not speak TLS.
    #[error("no TLS with it: {0}")]
    Tls(String),
    /// It takes too long.
    #[error("does not answer within {0:?}")]
    Timeout(Duration),
    /// A status other than success.
    #[error("answers {0}")]
    Status(u16),
    /// To nowhere, or too often.
    #[error("redirects {0}")]
    Redirect(&'static str),
    /// Not HTTP.
    #[error("does not speak HTTP as it should: {0}")]
    Http(String),
    /// It ended before its end.
    #[error("the answer was cut short: {0}")]
    CutShort(String),
    /// An encoding that nobody asked for.
    #[error("the answer is packed as {0:?}, which was not asked for")]
    Encoding(String),
    /// Packed bytes that do not unpack.
    #[error("the answer is damaged: its gzip does not unpack")]
    Gzip,
    /// More bytes than are taken.
    #[error("the answer is larger than {0} bytes (body_size_limit)")]
    TooLarge(usize),
    /// A file of a secret that cannot be read, or has what no header may have.
    #[error("a secret cannot be used: {0}")]
    Secret(String),
}

impl Failure {
    /// The reason as metrics have it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Connection(_) => "connection",
            Self::Tls(_) => "tls",
            Self::Timeout(_) => "timeout",
            Self::Status(_) => "status",
            Self::Redirect(_) => "redirect",
            Self::Http(_) => "http",
            Self::CutShort(_) => "cut_short",
            Self::Encoding(_) | Self::Gzip => "encoding",
            Self::TooLarge(_) => "too_large",
            Self::Secret(_) => "secret",
        }
    }

    /// What hyper says, as what it means.
    pub(super) fn of(error: &hyper::Error) -> Self {
        let told =
            std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        match error.is_incomplete_message() || error.is_body_write_aborted() {
            true => Self::CutShort(told),
            false => Self::Http(told),
        }
    }
}
