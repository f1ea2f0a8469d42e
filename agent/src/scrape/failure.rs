//! Why a target could not be looked at.

use weir_fetch::Failure as Asking;
use weir_formats::text::Fault;

/// Why a look brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Asking(#[from] Asking),
    #[error("cannot be asked: {0}")]
    Client(String),
    #[error("the answer is neither text nor protobuf")]
    NotText,
    #[error("more samples than max_samples")]
    TooManySamples,
    #[error("the answer is a page of something else than metrics ({0})")]
    NotMetrics(Fault),
}

impl Failure {
    pub(super) const REASONS: [&'static str; 11] = [
        "connection",
        "timeout",
        "status",
        "not_http",
        "cut_short",
        "too_large",
        "too_many_samples",
        "not_metrics",
        "tls",
        "secret",
        "redirect",
    ];

    pub(super) fn reason(&self) -> &'static str {
        let at = match self {
            Self::Asking(failure) => match failure {
                Asking::Connection(_) => 0,
                Asking::Timeout(_) => 1,
                Asking::Status(_) => 2,
                Asking::Address(_) | Asking::Http(_) | Asking::Encoding(_) | Asking::Gzip => 3,
                Asking::CutShort(_) => 4,
                Asking::TooLarge(_) => 5,
                Asking::Tls(_) => 8,
                Asking::Secret(_) => 9,
                Asking::Redirect(_) => 10,
            },
            Self::NotText => 3,
            Self::Client(_) => 8,
            Self::TooManySamples => 6,
            Self::NotMetrics(_) => 7,
        };
        Self::REASONS[at]
    }
}
