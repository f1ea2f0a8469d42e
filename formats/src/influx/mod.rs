//! InfluxDB's line protocol: `measurement,tag=value field=1.5,other=2i 1700000000000000000`.
//!
//! A line becomes a sample per field, named `measurement_field`, or `measurement` where the field is `value`. A line that cannot
//! be read costs itself. Text in quotes may hold line breaks, as the protocol wants; quotes that never close hold none.

mod line;
mod split;

pub use line::{Fault, Line, Number, read};
pub use split::{Lines, lines};

/// What a timestamp counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// The usual.
    Nanos,
    /// `u` or `us`.
    Micros,
    /// `ms`.
    Millis,
    /// `s`.
    Seconds,
    /// `m`.
    Minutes,
    /// `h`.
    Hours,
}

impl Precision {
    /// As the parameter `precision` of either version has it; nothing stands for nanoseconds.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "n" | "ns" => Self::Nanos,
            "u" | "us" | "µ" => Self::Micros,
            "ms" => Self::Millis,
            "s" => Self::Seconds,
            "m" => Self::Minutes,
            "h" => Self::Hours,
            _ => return None,
        })
    }

    /// A timestamp in milliseconds; one too large for them is the last there is.
    pub fn millis(self, timestamp: i64) -> i64 {
        match self {
            Self::Nanos => timestamp.div_euclid(1_000_000),
            Self::Micros => timestamp.div_euclid(1_000),
            Self::Millis => timestamp,
            Self::Seconds => timestamp.saturating_mul(1_000),
            Self::Minutes => timestamp.saturating_mul(60_000),
            Self::Hours => timestamp.saturating_mul(3_600_000),
        }
    }
}
