//! Functions over ranges: which there are.

use weir_store::Hint;

use crate::functions::over_time::rate::Change;

/// A function over ranges; parameters hold a value per step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OverTime {
    Change(Change),
    Irate,
    Idelta,
    Deriv,
    Predict(Vec<f64>),
    Smooth(Vec<f64>, Vec<f64>),
    Changes,
    Resets,
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Stddev,
    Stdvar,
    First,
    Last,
    Present,
    Quantile(Vec<f64>),
    MedianDeviation,
    Integral(Vec<Rule>),
    TimeOfFirst,
    TimeOfLast,
    TimeOfMin,
    TimeOfMax,
}

/// What a function makes of a window with both floats and histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mixture {
    /// Nothing, and a warning.
    Refused,
    /// What it makes of the two newest samples.
    LastTwo,
    /// What it makes of those whose first is the earlier one.
    Earlier,
    /// What it makes of those whose last is the later one.
    Later,
    /// The sum of what it makes of both.
    Added,
    /// Each pair of neighbours counts, and one of different kinds always does.
    InTurn,
    /// What it makes of the floats; histograms are left out and that is told.
    FloatsAlone,
}

/// How an integral takes values between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// As the earlier one.
    Left,
    /// As the later one.
    Right,
    /// As on a line between them.
    Trapezoid,
}

impl OverTime {
    /// The figure that storage must have, by which it chooses a tier.
    pub(crate) fn hint(&self) -> Hint {
        match self {
            Self::Change(Change::Rate | Change::Increase) => Hint::Increase,
            Self::Sum => Hint::Sum,
            Self::Count => Hint::Count,
            Self::Min => Hint::Min,
            Self::Max => Hint::Max,
            _ => Hint::Raw,
        }
    }

    /// Whether it makes sense of counters alone.
    pub(crate) fn counts(&self) -> bool {
        matches!(self, Self::Change(Change::Rate | Change::Increase))
    }

    /// Whether it tells where counting began anew.
    pub(crate) fn sees_starts(&self) -> bool {
        self.counts() || matches!(self, Self::Irate | Self::Resets)
    }

    /// Whether it looks at all that a window has.
    pub(crate) fn looks_at_all(&self) -> bool {
        !matches!(self, Self::First | Self::Last | Self::Irate | Self::Idelta | Self::Count | Self::Present)
    }

    /// What it makes of a window with both floats and histograms.
    pub(crate) fn mixture(&self) -> Mixture {
        match self {
            Self::Change(_) | Self::Sum | Self::Avg => Mixture::Refused,
            Self::Irate | Self::Idelta => Mixture::LastTwo,
            Self::First | Self::TimeOfFirst => Mixture::Earlier,
            Self::Last | Self::TimeOfLast => Mixture::Later,
            Self::Count => Mixture::Added,
            Self::Present => Mixture::Earlier,
            Self::Changes | Self::Resets => Mixture::InTurn,
            _ => Mixture::FloatsAlone,
        }
    }

    /// Work per sample of a window, in the units of a query's budget.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::Quantile(_) => 8,
            Self::MedianDeviation => 16,
            Self::Deriv | Self::Predict(_) | Self::Stddev | Self::Stdvar => 4,
            _ => 1,
        }
    }

    /// The function of that name, if it takes a range and nothing else.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rate" => Self::Change(Change::Rate),
            "increase" => Self::Change(Change::Increase),
            "delta" => Self::Change(Change::Delta),
            "irate" => Self::Irate,
            "idelta" => Self::Idelta,
            "deriv" => Self::Deriv,
            "changes" => Self::Changes,
            "resets" => Self::Resets,
            "sum_over_time" => Self::Sum,
            "avg_over_time" => Self::Avg,
            "min_over_time" => Self::Min,
            "max_over_time" => Self::Max,
            "count_over_time" => Self::Count,
            "stddev_over_time" => Self::Stddev,
            "stdvar_over_time" => Self::Stdvar,
            "first_over_time" => Self::First,
            "last_over_time" => Self::Last,
            "present_over_time" => Self::Present,
            "mad_over_time" => Self::MedianDeviation,
            "ts_of_first_over_time" => Self::TimeOfFirst,
            "ts_of_last_over_time" => Self::TimeOfLast,
            "ts_of_min_over_time" => Self::TimeOfMin,
            "ts_of_max_over_time" => Self::TimeOfMax,
            _ => return None,
        })
    }
}
