//! The values of a series.

use weir_sample::Sketch;

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
