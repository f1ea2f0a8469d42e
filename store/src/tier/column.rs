//! The values of a series.

use weir_sample::Histogram;

/// The values of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// One float per timestamp.
    Floats(Vec<f64>),
    /// One histogram per timestamp.
    Histograms(Vec<Histogram>),
}

impl Column {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Floats(floats) => floats.len(),
            Self::Histograms(histograms) => histograms.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
