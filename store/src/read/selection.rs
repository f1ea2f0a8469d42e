//! The words in which series are asked for and handed over.

use std::time::Duration;

use weir_sample::{Kind, Series, Sketch, Timestamp};

use crate::Matcher;

/// What a reader will do with the samples. Raw samples are the same for every hint; a point of a coarser tier is the
/// aggregate that the hint asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hint {
    /// Look at every sample: of a coarser tier, the last one per point.
    #[default]
    Raw,
    /// Take increases or rates: of a coarser tier, a running total of the reset-corrected increase.
    Increase,
    /// Take the smallest or largest, not said which: of a coarser tier, the last one per point.
    Extremes,
    /// Take the smallest.
    Min,
    /// Take the largest.
    Max,
    /// Add up.
    Sum,
    /// Count: of a coarser tier, the number of samples per point, which the reader adds up.
    Count,
}

/// A question for series.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// All must hold.
    pub matchers: &'a [Matcher],
    /// First instant, inclusive.
    pub start: Timestamp,
    /// Last instant, inclusive.
    pub end: Timestamp,
    /// Distance between the instants that will be looked at; `None` for a single one.
    pub step: Option<Duration>,
    /// What of the samples is used.
    pub hint: Hint,
    /// Series may come in any order, which reads many of them faster where all is in memory or sealed lately.
    pub any_order: bool,
}

/// The values of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// One float per timestamp.
    Floats(Vec<f64>),
    /// One sketch per timestamp.
    Sketches(Vec<Sketch>),
}

impl Column {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Floats(floats) => floats.len(),
            Self::Sketches(sketches) => sketches.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One series and its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesData {
    /// Which series.
    pub series: Series,
    /// What it is.
    pub kind: Kind,
    /// Milliseconds, ascending, each once.
    pub timestamps: Vec<i64>,
    /// One value per timestamp.
    pub values: Column,
}

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
    pub(crate) const fn millis(self) -> i64 {
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

/// What a selection was answered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The resolution. An instant selector must look back by at least this much.
    pub tier: Tier,
    /// Some of it is in the object store, which did not answer: samples are missing.
    pub partial: bool,
}
