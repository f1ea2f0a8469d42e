//! Why samples, lines or requests are not stored: the word that telemetry counts each under, and what a sender is told.

use weir_sink::Odd;

/// See the help of `weir_protocol_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Malformed,
    TooLarge,
    Busy,
    Behind,
    Queue,
    TooOld,
    Ahead,
    NoName,
    LabelName,
    Duplicate,
    TooLong,
    Unreadable,
    Mended,
    Histogram,
    Conflict,
    Delta,
    Attributes,
    NoValue,
    Temporality,
    Line,
    Network,
    Exemplar,
    Text,
    Seal,
}

impl Reason {
    pub(super) const COUNT: usize = Self::Seal as usize + 1;

    /// Those that any protocol may have.
    pub(super) const OF_ALL: &[Self] = &[
        Self::Malformed,
        Self::TooLarge,
        Self::Busy,
        Self::Behind,
        Self::Queue,
        Self::TooOld,
        Self::Ahead,
        Self::NoName,
        Self::LabelName,
        Self::Duplicate,
        Self::TooLong,
        Self::Unreadable,
    ];

    pub(super) const OF_SCRAPES: &[Self] = &[
        Self::Malformed,
        Self::TooLarge,
        Self::Busy,
        Self::Behind,
        Self::Queue,
        Self::TooOld,
        Self::Ahead,
        Self::Seal,
    ];

    pub(super) const OF_REMOTE_WRITE: &[Self] = &[
        Self::Malformed,
        Self::TooLarge,
        Self::Busy,
        Self::Behind,
        Self::Queue,
        Self::TooOld,
        Self::Ahead,
        Self::NoName,
        Self::LabelName,
        Self::Duplicate,
        Self::Histogram,
        Self::TooLong,
        Self::Unreadable,
        Self::Conflict,
        Self::Exemplar,
    ];

    /// Those that cost a sample and not its request, in the order in which they are told.
    pub(super) const OF_SAMPLES: &[Self] = &[
        Self::TooOld,
        Self::Ahead,
        Self::NoName,
        Self::LabelName,
        Self::Duplicate,
        Self::Histogram,
        Self::TooLong,
        Self::Unreadable,
        Self::Mended,
        Self::Conflict,
        Self::Delta,
        Self::Attributes,
        Self::NoValue,
        Self::Temporality,
        Self::Line,
        Self::Text,
    ];

    pub(super) fn word(self) -> &'static str {
        self.texts().0
    }

    /// What is told behind a number of them.
    pub(super) fn sentence(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => ("malformed", ""),
            Self::TooLarge => ("too_large", ""),
            Self::Busy => ("busy", ""),
            Self::Behind => ("behind", ""),
            Self::Queue => ("queue", ""),
            Self::TooOld => {
                ("too_old", "samples are older than anything is kept, or differences of more than two hours ago")
            }
            Self::Ahead => ("ahead", "samples are more than ten minutes ahead of this server's clock"),
            Self::NoName => ("no_name", "samples have no metric name"),
            Self::LabelName => ("label_name", "samples have a label without a name"),
            Self::Duplicate => ("duplicate", "samples have two labels of one name"),
            Self::TooLong => ("too_long", TOO_LONG),
            Self::Unreadable => (
                "unreadable",
                "are of series that cannot be read: a byte of them is no UTF-8, no protobuf, or U+0000 to U+0002 in a name",
            ),
            Self::Mended => (
                "mended",
                "have a name that is no longer told from another one in the request once it is mended to letters, digits and _",
            ),
            Self::Histogram => (
                "histogram",
                "are histograms whose counts or bounds contradict each other, or whose buckets nobody has",
            ),
            Self::Conflict => {
                ("conflict", "samples have another value than one of the same series and time beside them")
            }
            Self::Delta => (
                "delta",
                "are differences (delta temporality) of what may fall or of no time: have the sender keep totals",
            ),
            Self::Attributes => ("attributes", "have, or their resource has, more than 128 attributes"),
            Self::NoValue => ("no_value", "have no value"),
            Self::Temporality => ("temporality", "do not say whether they are totals"),
            Self::Line => ("line", "lines cannot be read"),
            Self::Network => ("network", ""),
            Self::Exemplar => ("exemplar", ""),
            Self::Seal => ("seal", ""),
            Self::Text => ("text", "fields are text, which is no sample"),
        }
    }
}

impl From<Odd> for Reason {
    fn from(odd: Odd) -> Self {
        match odd {
            Odd::NoName => Self::NoName,
            Odd::LabelName => Self::LabelName,
            Odd::Duplicate => Self::Duplicate,
            Odd::TooLong => Self::TooLong,
            Odd::Unreadable => Self::Unreadable,
            Odd::Mended => Self::Mended,
        }
    }
}

/// As the limits of `weir_sink` have it.
const TOO_LONG: &str =
    "samples have too long labels (a name has at most 1024 bytes, a series at most 128 labels of 16384 bytes together)";
