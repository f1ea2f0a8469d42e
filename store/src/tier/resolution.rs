//! The resolutions in which samples are kept.

use std::time::Duration;

/// A resolution in which samples are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Samples as they came.
    Raw,
    /// One point a minute.
    Minute,
    /// One point an hour.
    Hour,
}

impl Tier {
    /// Every tier, finest first.
    pub const ALL: [Self; 3] = [Self::Raw, Self::Minute, Self::Hour];

    /// Distance between two points; zero for samples as they came.
    pub const fn resolution(self) -> Duration {
        match self {
            Self::Raw => Duration::ZERO,
            Self::Minute => Duration::from_secs(60),
            Self::Hour => Duration::from_secs(3600),
        }
    }

    /// The same in milliseconds.
    pub const fn millis(self) -> i64 {
        self.resolution().as_millis() as i64
    }

    /// The name used in files and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Minute => "1m",
            Self::Hour => "1h",
        }
    }
}
