//! Why a line was not taken.

use std::fmt;

/// A line that was dropped; its neighbours in the datagram are not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<'a> {
    /// Why.
    pub reason: Reason,
    /// The line as it came, for a sampled log entry.
    pub line: &'a [u8],
}

impl Refused<'_> {
    /// The reason's stable name, as in the label `reason`.
    pub fn reason(&self) -> &'static str {
        self.reason.name()
    }
}

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.line.escape_ascii())
    }
}

/// The reasons, few and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u8)]
pub enum Reason {
    /// The line is not UTF-8.
    #[error("not UTF-8")]
    Utf8 = 0,
    /// The line does not have the shape `name:value|type`.
    #[error("not of the shape name:value|type")]
    Malformed = 1,
    /// A value is not a finite decimal number of at most 1e250.
    #[error("value is not a number")]
    Value = 2,
    /// The type is none of `c g ms h d s m`.
    #[error("unknown type")]
    Type = 3,
    /// The sample rate is not in `[1e-9, 1]`.
    #[error("sample rate is not between 1e-9 and 1")]
    Rate = 4,
    /// The timestamp is not a number of Unix seconds.
    #[error("timestamp is not in Unix seconds")]
    Timestamp = 5,
    /// `_e{…}` without two lengths, or shorter than they say.
    #[error("malformed event")]
    Event = 6,
    /// `_sc|` without a name and a status of 0 to 3.
    #[error("malformed service check")]
    ServiceCheck = 7,
    /// The same series came earlier as another type and still lives.
    #[error("series is already of another type")]
    TypeConflict = 8,
    /// Name and labels are too long to be sent on.
    #[error("name and labels are too long")]
    TooLong = 9,
}

impl Reason {
    /// Every reason, in order of its number.
    pub const ALL: [Reason; 10] = [
        Reason::Utf8,
        Reason::Malformed,
        Reason::Value,
        Reason::Type,
        Reason::Rate,
        Reason::Timestamp,
        Reason::Event,
        Reason::ServiceCheck,
        Reason::TypeConflict,
        Reason::TooLong,
    ];

    /// The name used in the label `reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Utf8 => "utf8",
            Reason::Malformed => "malformed",
            Reason::Value => "value",
            Reason::Type => "type",
            Reason::Rate => "rate",
            Reason::Timestamp => "timestamp",
            Reason::Event => "event",
            Reason::ServiceCheck => "service_check",
            Reason::TypeConflict => "type_conflict",
            Reason::TooLong => "too_long",
        }
    }
}
