//! Why a target could not be looked at.

use weir_formats::text::Fault;

/// Why a look brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot be reached: {0}")]
    Connection(std::io::Error),
    #[error("does not answer in time")]
    Timeout,
    #[error("answers {0}")]
    Status(u16),
    #[error("does not speak plain HTTP")]
    NotHttp,
    #[error("the answer was cut short")]
    CutShort,
    #[error("the answer is larger than 16 MiB")]
    TooLarge,
    #[error("more samples than max_samples")]
    TooManySamples,
    #[error("the answer is a page of something else than metrics ({0})")]
    NotMetrics(Fault),
}

impl Failure {
    pub(super) const REASONS: [&'static str; 8] =
        ["connection", "timeout", "status", "not_http", "cut_short", "too_large", "too_many_samples", "not_metrics"];

    pub(super) fn reason(&self) -> &'static str {
        let at = match self {
            Self::Connection(_) => 0,
            Self::Timeout => 1,
            Self::Status(_) => 2,
            Self::NotHttp => 3,
            Self::CutShort => 4,
            Self::TooLarge => 5,
            Self::TooManySamples => 6,
            Self::NotMetrics(_) => 7,
        };
        Self::REASONS[at]
    }
}
