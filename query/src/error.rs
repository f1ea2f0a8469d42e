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
    #[error("query {} more than {limit} {}: narrow its selectors or its time range, or raise {}", bound.does(), bound.unit(), bound.setting())]
    TooLarge {
        /// Which limit it has met.
        bound: Bound,
        /// The limit.
        limit: usize,
    },
    /// Other queries have what it needs.
    #[error("the server is busy: its queries {} more than {limit} {}; ask again in a moment, or raise {}", bound.does(), bound.unit(), bound.setting())]
    Busy {
        /// Which limit is met.
        bound: Bound,
        /// The limit.
        limit: usize,
    },
    /// The client no longer waits for the answer.
    #[error("query ended: its client is gone")]
    Gone,
    /// The query took longer than one query may.
    #[error("query timed out: it needs more time than it was given (its parameter timeout, and query.timeout_s)")]
    Timeout,
    /// There is no store to ask for a moment; the text says why.
    #[error("{0}")]
    Unavailable(String),
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
            Self::Busy { .. } | Self::Unavailable(_) => "unavailable",
            Self::Gone => "canceled",
            Self::Timeout => "timeout",
            Self::Source(_) => "internal",
        }
    }

    /// The label `reason` of the counter of refused queries.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Parse(_) | Self::Parameter(_) => "bad_data",
            Self::Unsupported(_) | Self::Execution(_) => "execution",
            Self::TooLarge { bound, .. } | Self::Busy { bound, .. } => bound.reason(),
            Self::Timeout => "timeout",
            Self::Gone => "gone",
            Self::Unavailable(_) => "unavailable",
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

/// A limit of queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Series read.
    Series,
    /// Samples read.
    Samples,
    /// Memory of one query.
    Memory,
    /// Memory of all queries in flight.
    AllMemory,
    /// Steps of a subquery.
    Steps,
    /// A label's value.
    LabelBytes,
    /// An answer's text.
    AnswerBytes,
    /// Queries that wait for their turn.
    Waiting,
}

impl Bound {
    /// What is done, the unit it is counted in, its name as a reason, and the setting of its limit.
    fn words(self) -> [&'static str; 4] {
        match self {
            Self::Series => ["selects", "series", "series", "query.max_series"],
            Self::Samples => ["reads", "samples", "samples", "query.max_samples"],
            Self::Memory => ["keeps", "bytes of results in memory", "memory", "query.max_memory_mb"],
            Self::AllMemory => ["keep", "bytes of results in memory", "all_memory", "query.max_memory_of_all_mb"],
            Self::Steps => ["has a subquery of", "steps", "steps", "the resolution of the subquery"],
            Self::LabelBytes => ["makes a label value of", "bytes", "label_bytes", "query.max_label_bytes"],
            Self::AnswerBytes => ["has an answer of", "bytes", "answer_bytes", "query.max_answer_mb"],
            Self::Waiting => ["that wait are", "waiting queries", "waiting", "query.max_waiting"],
        }
    }

    fn does(self) -> &'static str {
        self.words()[0]
    }

    fn unit(self) -> &'static str {
        self.words()[1]
    }

    fn reason(self) -> &'static str {
        self.words()[2]
    }

    fn setting(self) -> &'static str {
        self.words()[3]
    }
}

/// Every reason for which a query may be refused.
pub(crate) const REASONS: [&str; 14] = [
    "bad_data",
    "execution",
    "timeout",
    "gone",
    "unavailable",
    "internal",
    "series",
    "samples",
    "memory",
    "all_memory",
    "steps",
    "label_bytes",
    "answer_bytes",
    "waiting",
];
