//! What expressions are worth.

/// What an expression's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A value for each series at one instant.
    Vector,
    /// A number.
    Scalar,
    /// Samples of a range for each series.
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// Prometheus' words for it in errors.
    pub fn told(self) -> &'static str {
        match self {
            Self::Vector => "instant vector",
            Self::Scalar => "scalar",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }
}
