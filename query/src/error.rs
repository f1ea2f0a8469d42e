//! Why a query has no answer.

/// Why a query has no answer; the text is meant for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The query is not PromQL, or its parts do not fit together.
    #[error("invalid parameter \"query\": {0}")]
    Parse(String),
    /// Another parameter of the request cannot be used.
    #[error("{0}")]
    Parameter(String),
    /// The query uses something that this engine does not evaluate.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// The data do not allow what the query asks.
    #[error("{0}")]
    Execution(String),
    /// The query would cost more than one query may.
    #[error("query {what} more than {limit} {unit}: narrow its selectors or its time range")]
    TooLarge {
        /// What it does, as in "selects" or "reads".
        what: &'static str,
        /// The limit.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// The query took longer than one query may.
    #[error("query timed out: it needs more time than it was given")]
    Timeout,
    /// Storage could not be read.
    #[error("reading stored series")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl QueryError {
    /// Prometheus' `errorType`.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Parse(_) | Self::Parameter(_) => "bad_data",
            Self::Unsupported(_) | Self::Execution(_) | Self::TooLarge { .. } => "execution",
            Self::Timeout => "timeout",
            Self::Source(_) => "internal",
        }
    }

    /// The text for the person who asked, causes included.
    pub fn message(&self) -> String {
        match self {
            Self::Source(cause) => format!("{self}: {cause}"),
            _ => self.to_string(),
        }
    }

    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self::Execution(message.into())
    }

    pub(crate) fn parse(message: impl Into<String>) -> Self {
        Self::Parse(format!("parse error: {}", message.into()))
    }
}
